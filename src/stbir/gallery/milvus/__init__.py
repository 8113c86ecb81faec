"""Galleries whose pictures lie in Milvus: for collections that one machine cannot hold or several people share.

    address   what `--store milvus://...` names            where    a condition in SQL as a filter of Milvus
    client    the connection, and its failures             lease    one writer at a time, on whatever machine
    table     catalogue, vectors, thumbnails, commits      index    `VectorIndex` over the table

pymilvus is an optional part (`pip install 'stbir[milvus]'`) and imported when a store is really opened.
"""
