"""The recipe of an alignment run: stages, losses, curriculum and fusion as plain settings, every module a switch.

An alignment run starts from a bundle whose towers are trained already and brings drawing, photo and words together. Up
to the heads the towers stay frozen, so their features are computed once (see `stbir.train.bank`) and a run takes
minutes on two CPU cores.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stbir.train.recipe import CorpusRecipe, ScheduleSettings, Settings

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Severity = Annotated[float, Field(ge=0, le=5)]
Part = Literal["sketch", "image", "text"]


class BankSettings(Settings):
    """Which spoiled variants of every item are kept beside the clean one.

    Attributes:
        sketch_severities: Of drawings; the first is 0.
        text_severities: Of texts; the first is 0.
        image_severities: Of photos; the first is 0.
    """

    sketch_severities: tuple[Severity, ...] = (0.0, 1.0, 2.0, 3.5, 5.0)
    text_severities: tuple[Severity, ...] = (0.0, 1.0, 4.0)
    image_severities: tuple[Severity, ...] = (0.0, 2.0)

    @model_validator(mode="after")
    def _first_is_clean(self) -> BankSettings:
        for name in ("sketch_severities", "text_severities", "image_severities"):
            values = getattr(self, name)
            if not values or values[0] != 0 or list(values) != sorted(set(values)):
                raise ValueError(f"{name} must begin with 0 and rise")
        return self


class CurriculumSettings(Settings):
    """How much is spoiled while a stage learns.

    Attributes:
        kind: `off`: nothing; `ramp`: from the first to the last values as the stage goes on, as the authors do it;
            `adaptive`: one step harder whenever validation under the present difficulty keeps `keep` of the clean MRR.
        probability: First and last share of items that are spoiled.
        severity: First and last highest severity.
        missing: First and last share of composed queries of which the drawing or the words are left out.
        num_levels: Steps from first to last, for `adaptive`.
        keep: See `kind`.
        parts: What is spoiled.
    """

    kind: Literal["off", "ramp", "adaptive"] = "ramp"
    probability: tuple[Share, Share] = (0.05, 0.6)
    severity: tuple[Severity, Severity] = (1.0, 5.0)
    missing: tuple[Share, Share] = (0.0, 0.0)
    num_levels: int = Field(default=5, ge=1)
    keep: Share = 0.85
    parts: tuple[Part, ...] = ("sketch", "image", "text")


class ClassSettings(Settings):
    """The category lesson.

    Attributes:
        weight: Weight of its loss; 0 leaves it out.
        head: Classifier over the classes.
        classes: `category`: as labelled; `virtual`: as labelled where the data say so, else clusters of photo and text
            features inside each category.
        margin: Of ArcFace (radians) or CosFace (cosine).
        scale: Inverse temperature.
        num_centres: Of sub-centre ArcFace.
        refresh_every: Steps between new clusterings by the present embeddings; 0 = once, by frozen features.
    """

    weight: Weight = 0.2
    head: Literal["linear", "arcface", "cosface", "subcentre"] = "arcface"
    classes: Literal["category", "virtual"] = "virtual"
    margin: float = Field(default=0.2, ge=0)
    scale: float = Field(default=32.0, gt=0)
    num_centres: int = Field(default=3, ge=1)
    refresh_every: int = Field(default=0, ge=0)


class NegativeSettings(Settings):
    """Hard negatives.

    Attributes:
        group_size: Photos of one class that stand together in a batch, nearest first; 1 = batches by chance.
        within: Where hard negatives come from.
        own: Hard negatives of each item beside the batch (the authors' form); 0 = the batch is enough.
        refresh_every: Steps between searches for the nearest by the present embeddings.
        near_duplicate: Photos of at least this cosine are taken for the same and never set against each other.
    """

    group_size: int = Field(default=8, ge=1)
    within: Literal["any", "category", "virtual"] = "virtual"
    own: int = Field(default=0, ge=0)
    refresh_every: int = Field(default=250, gt=0)
    near_duplicate: float = Field(default=0.995, gt=0, le=1)


class LossSettings(Settings):
    """Weights of the lessons of a stage; 0 leaves one out.

    Attributes:
        pairs: Drawing and photo, words and photo, each for itself.
        composed: Drawing and words together, and the photo.
        anchor: The stage's modality and the mean of the two others (the authors' form).
        triplet: Cosine triplet on the same.
        doodles: Doodles of a category, which show no photo, and the batch's photos of that category; the corpus needs
            `quickdraw-10k`.
        distil: Drawings and photos that are not rendered stay where the base has them in the sketch space.
        form: InfoNCE over the batch, over own negatives only, or sigmoid.
        temperature: Of the softmax; None learns it.
        triplet_margin: Of the triplet.
        memory: Embeddings of past batches that serve as further negatives; 0 = none.
    """

    pairs: Weight = 0.0
    composed: Weight = 0.0
    anchor: Weight = 0.0
    triplet: Weight = 0.0
    doodles: Weight = 0.0
    distil: Weight = 0.0
    form: Literal["batch", "own", "sigmoid"] = "batch"
    temperature: Annotated[float, Field(gt=0)] | None = None
    triplet_margin: float = Field(default=0.2, ge=0)
    memory: int = Field(default=0, ge=0)


class StageSettings(Settings):
    """One stage of the alignment.

    Attributes:
        name: Of its files.
        learns: Modalities whose heads learn.
        batch_size: Photos a step.
        lr: Peak learning rate of heads.
        upper_lr: Peak learning rate of upper blocks, where the recipe lets some learn.
        feature_dropout: Dropout before the heads.
        class_balanced: Whether categories are drawn alike instead of by their size.
        undrawn: How often photos without a drawing are drawn, relative to the others; they teach words alone.
        schedule: How long.
        losses: Lessons.
        classes: Category lesson.
        negatives: Hard negatives.
        curriculum: Noise.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    learns: tuple[Part, ...] = ("sketch", "image", "text")
    batch_size: int = Field(default=256, gt=1)
    lr: float = Field(default=1e-3, gt=0)
    upper_lr: float = Field(default=2e-4, gt=0)
    feature_dropout: float = Field(default=0.1, ge=0, lt=1)
    class_balanced: bool = False
    undrawn: Weight = 0.0
    schedule: ScheduleSettings
    losses: LossSettings
    classes: ClassSettings = ClassSettings(weight=0.0)
    negatives: NegativeSettings = NegativeSettings()
    curriculum: CurriculumSettings = CurriculumSettings(kind="off")

    @model_validator(mode="after")
    def _anchors_need_drawings(self) -> StageSettings:
        if self.undrawn > 0 and (self.losses.anchor > 0 or self.losses.triplet > 0):
            raise ValueError("undrawn must be 0 where losses.anchor or losses.triplet is used: they need a drawing")
        return self


class FusionSettings(Settings):
    """How drawing and words are put together in the finished model.

    Attributes:
        kind: `mean`: alike; `scale`: two inverse temperatures fitted on validation; `gate`: temperatures that follow
            from the query itself.
        gate_hidden: Width of the gate's hidden layer.
        gate_steps: Steps of its fitting.
        gate_share: Share of the training photos that the heads never see and the gate learns from.
    """

    kind: Literal["mean", "scale", "gate"] = "scale"
    gate_hidden: int = Field(default=16, ge=1, le=64)
    gate_steps: int = Field(default=600, gt=0)
    gate_share: float = Field(default=0.15, gt=0, lt=1)


class AlignRecipe(CorpusRecipe):
    """Everything that an alignment run needs to know.

    Attributes:
        base: Bundle whose towers are aligned: a directory, or `default` for the shipped one.
        heads: `keep`: go on from the bundle's heads; `fresh`: draw new ones from the seed.
        base_share: Share of the base's heads in the finished ones; what the base knew and the stages did not ask for
            comes back (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). Needs kept heads; a tower
            that begins anew has nothing to go back to and stays as it was learned.
        one_space: Whether drawings and words are compared with the same row of a photo.
        upper: Towers whose blocks above the stem learn too, in the stages that name them in `learns`; the others are
            frozen up to their heads. A step then takes about ten times as long, and the bank holds stems.
        image_backbone: `keep`: the base's picture tower goes on; else the ImageNet network of a new picture tower.
            Heads, and layers on the network's maps, are then drawn from the seed.
        sketch_backbone: The same for the drawing tower.
        colour_histogram: A plain histogram of colours beside the learned one, in a picture tower that begins anew.
        frozen_backbone: With `image` in `upper`: the layers on the maps of the picture network learn, the network stays
            as it is.
        bank: Spoiled variants that are kept.
        set_weights: How often photos of a data set are drawn, relative to their number; 1 where not named.
        validation_weights: How much the validation of a set counts; 1 where not named, 0 leaves it out.
        balance_weights: How much the validation of a set counts for the balance of drawing and words, where that is
            another question: people's drawings are worth less than rendered ones. Empty takes `validation_weights`.
        stages: In their order.
        fusion: How drawing and words are put together.
    """

    base: str = "default"
    heads: Literal["keep", "fresh"] = "fresh"
    base_share: Share = 0.0
    one_space: bool = False
    upper: tuple[Literal["sketch", "image"], ...] = ()
    image_backbone: Literal["keep", "efficientnet_lite0"] = "keep"
    sketch_backbone: Literal["keep", "efficientnet_lite0"] = "keep"
    colour_histogram: bool = False
    frozen_backbone: bool = False
    bank: BankSettings = BankSettings()
    set_weights: dict[str, Weight] = Field(default_factory=dict)
    validation_weights: dict[str, Weight] = Field(default_factory=dict)
    balance_weights: dict[str, Weight] = Field(default_factory=dict)
    stages: tuple[StageSettings, ...] = Field(min_length=1)
    fusion: FusionSettings = FusionSettings()

    @model_validator(mode="after")
    def _runs_on_the_cpu(self) -> AlignRecipe:
        if self.device != "cpu":
            raise ValueError("device must be 'cpu': features come from the CPU's memory")
        return self

    @model_validator(mode="after")
    def _new_layers_learn(self) -> AlignRecipe:
        for part, backbone in (("image", self.image_backbone), ("sketch", self.sketch_backbone)):
            if backbone != "keep" and part not in self.upper:
                raise ValueError(
                    f"{part}_backbone needs '{part}' in upper: the layers on its maps are new and must learn"
                )
        if self.frozen_backbone and "image" not in self.upper:
            raise ValueError("frozen_backbone needs 'image' in upper")
        if self.colour_histogram and self.image_backbone == "keep":
            raise ValueError("colour_histogram needs an image_backbone: a kept tower has the histogram that it has")
        return self

    @model_validator(mode="after")
    def _doodles_are_there(self) -> AlignRecipe:
        asked = any(stage.losses.doodles > 0 for stage in self.stages)
        if asked and "quickdraw-10k" not in {settings.name for settings in self.data.sets}:
            raise ValueError("losses.doodles needs the data set quickdraw-10k in data.sets: no other has doodles")
        return self

    @model_validator(mode="after")
    def _only_one_sketch_space_is_kept(self) -> AlignRecipe:
        if self.one_space and any(stage.losses.distil > 0 for stage in self.stages):
            raise ValueError("losses.distil needs two spaces: the base's sketch space is what it keeps")
        return self

    @model_validator(mode="after")
    def _only_kept_heads_mix(self) -> AlignRecipe:
        if self.base_share > 0 and (self.heads != "keep" or self.one_space):
            raise ValueError(
                "base_share needs heads = 'keep' and two spaces: other heads cannot be mixed with the base's"
            )
        return self
