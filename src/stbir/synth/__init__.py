"""Procedural pictures of everyday objects, drawings of them as people scribble, and words for them.

An `ObjectSpec` says everything about one picture; `render` draws it, `draw` scribbles it, `describe` puts it into
words. `sample_spec` and `sample_block` choose specs by chance, `build_part` writes a part of the benchmark (`PARTS`),
`build_dataset` a set of chosen families, and `ceilings` says how far a drawing or words alone can get. VTK (extra
`synth`) is imported at the first picture, not with this package.
"""

from stbir.synth.captions import Text, write_texts
from stbir.synth.ceilings import Ceiling, ceilings
from stbir.synth.dataset import build_dataset, build_part
from stbir.synth.drawing import draw
from stbir.synth.objects import FAMILIES, KINDS
from stbir.synth.parts import PARTS, plan_part
from stbir.synth.render import render
from stbir.synth.samples import build_samples
from stbir.synth.sampling import sample_block, sample_spec
from stbir.synth.spec import Background, Light, ObjectSpec, View
from stbir.synth.wording import attributes, describe

__all__ = [
    "FAMILIES",
    "KINDS",
    "PARTS",
    "Background",
    "Ceiling",
    "Light",
    "ObjectSpec",
    "Text",
    "View",
    "attributes",
    "build_dataset",
    "build_part",
    "build_samples",
    "ceilings",
    "describe",
    "draw",
    "plan_part",
    "render",
    "sample_block",
    "sample_spec",
    "write_texts",
]
