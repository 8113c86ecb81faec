"""Data sets: one row format, read from a folder or in place from a zip, by name or by path.

`manifest` holds the row, `sources` the files behind it, `dataset` the two together, `formats` the layouts in which data
sets of others come, `readers` how one is opened; `check`, `stats`, `splits` and `build` are what `stbir data` does.
Nothing here imports a model.
"""

from stbir.datasets.dataset import Dataset
from stbir.datasets.formats import FORMATS
from stbir.datasets.manifest import Row, parse_manifest, read_manifest
from stbir.datasets.readers import READERS, open_dataset, read_dataset

__all__ = [
    "FORMATS",
    "READERS",
    "Dataset",
    "Row",
    "open_dataset",
    "parse_manifest",
    "read_dataset",
    "read_manifest",
]
