"""Data sets: one row format, read from a folder or in place from a zip, by name or by path.

`manifest` holds the row, `sources` the files behind it, `dataset` the two together, `readers` the data sets known by
name. Nothing here imports a model.
"""

from stbir.datasets.dataset import Dataset
from stbir.datasets.manifest import Row, parse_manifest, read_manifest
from stbir.datasets.readers import READERS, open_dataset

__all__ = ["READERS", "Dataset", "Row", "open_dataset", "parse_manifest", "read_manifest"]
