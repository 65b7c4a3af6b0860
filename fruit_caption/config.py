"""The settings of each step: checked when made, written to and read from JSON as they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar, get_origin, get_type_hints

from fruit_caption.utils.errors import FruitError

Settings = TypeVar("Settings", bound="_Settings")


@dataclass(frozen=True)
class _Settings:
    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls: type[Settings], content: dict[str, Any]) -> Settings:
        """The settings that `to_json` gave; raises `FruitError` for any other content."""
        kinds = get_type_hints(cls)
        if not isinstance(content, dict) or not set(content) <= set(kinds):
            raise FruitError(f"These are no settings of {cls.__name__}: {repr(content)[:80]}.")
        read = {name: _read(name, kinds[name], value) for name, value in content.items()}
        try:
            return cls(**read)
        except TypeError as error:
            raise FruitError(f"These are no settings of {cls.__name__}: {error}.") from None

    def _check(self, name: str, least: float, most: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FruitError(f"{name} must be a number, not {value!r}.")
        if not least <= value <= most:
            raise FruitError(f"{name} must lie between {least:g} and {most:g}, not be {value:g}.")


@dataclass(frozen=True)
class DataConfig(_Settings):
    """Where photos come from.

    Attributes:
        photos: folders of photos, in any form that `photos.folders` reads.
        names: a file that says what class names mean, see `photos.folders.class_names`.
        open_images: how many photos to take from Open Images.
        compose: how many photos to compose from the fruits of the training photos.
        mosaic: how many photos to put together from two to four whole training photos.
        scenes: how many scenes to render.
        scene_size: the side of a rendered scene in pixels.
        unseen: sources that are kept wholly for a second test.
        writer: who writes the texts: "grammar", or a preset as `writer.presets` takes it, such as
            "shipped".
        seed: of scenes and texts.

    Raises:
        FruitError: a number lies out of bounds.
    """

    photos: tuple[str, ...] = ()
    names: str | None = None
    open_images: int = 0
    compose: int = 0
    mosaic: int = 0
    scenes: int = 0
    scene_size: int = 224
    unseen: tuple[str, ...] = ()
    writer: str = "shipped"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("open_images", "compose", "mosaic", "scenes"):
            self._check(name, 0, 10_000_000)
        self._check("scene_size", 32, 2048)
        self._check("seed", 0, 2**32 - 1)


@dataclass(frozen=True)
class ModelConfig(_Settings):
    """What the model is.

    Attributes:
        encoder: a name that `models.encoders.encoder_parts` takes.
        encoder_weights: of a pretrained encoder: "imagenet", the path of a weights file, "none"
            (it learns all from nothing), or "saved" (they are in the model's own file).
        unfreeze: how many of a pretrained encoder's last stages learn.
        attention: whether the decoder looks at the grid or only at its mean.
        image_size: the side in pixels to which photos are letterboxed.
        channels: of the neck and of each attention head's keys and values.
        units: of the LSTM.
        dropout: share of features that training drops.

    Raises:
        FruitError: a number lies out of bounds, or the size is no multiple of 16.
    """

    encoder: str = "vgg16"
    encoder_weights: str = "imagenet"
    unfreeze: int = 0
    attention: bool = True
    image_size: int = 224
    channels: int = 128
    units: int = 256
    dropout: float = 0.3

    def __post_init__(self) -> None:
        self._check("unfreeze", 0, 10)
        self._check("image_size", 32, 1024)
        self._check("channels", 1, 4096)
        self._check("units", 1, 4096)
        self._check("dropout", 0, 0.95)
        if self.image_size % 16:
            raise FruitError(f"image_size must be a multiple of 16, not {self.image_size}.")


@dataclass(frozen=True)
class TrainingConfig(_Settings):
    """How the model learns.

    Attributes:
        epochs: at most so many passes over the photos.
        batch_size: photos a step; each brings `questions` of its questions.
        questions: questions of a photo that one step asks, drawn anew each epoch.
        learning_rate: at the start; it falls to zero along a cosine.
        density_weight: of the loss that teaches where each fruit lies.
        views: of each photo, one of which is shown in each epoch, see `views`; the first is plain.
        patience: epochs without a better validation score before it stops.
        seed: of weights, order, views and dropout.
        quiz: whether it also learns to make up questions.
        pretrain_steps: number of decoder pre-training steps on synthetic facts, run before the
            photos are seen. See `training.pretraining`.

    Raises:
        FruitError: a number lies out of bounds.
    """

    epochs: int = 30
    batch_size: int = 16
    questions: int = 8
    learning_rate: float = 2e-3
    density_weight: float = 0.1
    views: int = 2
    patience: int = 20
    seed: int = 0
    quiz: bool = False
    pretrain_steps: int = 3000

    def __post_init__(self) -> None:
        self._check("epochs", 1, 100_000)
        self._check("batch_size", 1, 4096)
        self._check("questions", 1, 256)
        self._check("learning_rate", 1e-8, 10)
        self._check("density_weight", 0, 1000)
        self._check("views", 1, 1000)
        self._check("patience", 1, 100_000)
        self._check("seed", 0, 2**32 - 1)
        self._check("pretrain_steps", 0, 1_000_000)


@dataclass(frozen=True)
class RunConfig(_Settings):
    """All that is needed to make a run again.

    Attributes:
        data: the folder of the data set.
        versions: of the packages that a result depends on.
        start: the folder of a run whose weights it starts from, with that run's `model`.
        rehearse: the folder of a data set, photos of which are seen again, see `rehearsal`.
        data_digest: what the data set was when the run was trained, see `dataset.DataSet`.
    """

    data: str
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    versions: dict[str, str] = field(default_factory=dict)
    start: str | None = None
    rehearse: str | None = None
    data_digest: str | None = None

    def unlike(self, other: RunConfig) -> str:
        """The settings in which another run differs, whatever its versions; "" if in none."""
        ours, theirs = _flat(self.to_json()), _flat(other.to_json())
        differ = [name for name in ours if ours[name] != theirs[name]]
        if self.data_digest is None or other.data_digest is None:
            differ = [name for name in differ if name != "data_digest"]
        return ", ".join(differ)


def _read(name: str, kind: Any, value: Any) -> Any:
    """A setting from its JSON value, which is of its type but for what JSON doesn't know."""
    if isinstance(kind, type) and issubclass(kind, _Settings):
        return kind.from_json(value)
    if isinstance(value, list):
        value = tuple(value)
    if get_origin(kind) in (tuple, dict):
        kind = get_origin(kind)
    if not isinstance(value, int | float if kind is float else kind):
        raise FruitError(f"{name} can't be {repr(value)[:80]}.")
    return value


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by the names that a person knows them by; all but the versions."""
    parts = {**settings["model"], **settings["training"]}
    return parts | {name: settings[name] for name in ("data", "start", "rehearse", "data_digest")}
