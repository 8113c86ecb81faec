"""Procedural pictures of everyday objects, drawings of them as people scribble, and words for them.

An `ObjectSpec` says everything about one picture; `render` draws it, `draw` scribbles it, `describe` puts it into
words. `sample_spec` and `sample_block` choose specs by chance, `build_dataset` writes whole data sets. VTK (extra
`synth`) is imported at the first picture, not with this package.
"""

from stbir.synth.dataset import build_dataset, build_samples
from stbir.synth.drawing import draw
from stbir.synth.objects import FAMILIES, KINDS
from stbir.synth.render import render
from stbir.synth.sampling import sample_block, sample_spec
from stbir.synth.spec import Background, Light, ObjectSpec, View
from stbir.synth.wording import attributes, describe

__all__ = [
    "FAMILIES",
    "KINDS",
    "Background",
    "Light",
    "ObjectSpec",
    "View",
    "attributes",
    "build_dataset",
    "build_samples",
    "describe",
    "draw",
    "render",
    "sample_block",
    "sample_spec",
]
