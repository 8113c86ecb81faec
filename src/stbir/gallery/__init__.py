"""The gallery on disk: what lies in the folders, what is stored of it, and how it is searched.

In: folders of pictures, an encoder. Out: a LanceDB table with catalogue, vectors and thumbnails, and indexes over it.
The public class `stbir.Gallery`, which adds searching with queries, is in `stbir.search`.
"""
