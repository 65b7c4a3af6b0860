"""Configuration of data sets, models and training runs.

A config is a frozen dataclass that checks its numbers when it is created and is stored as JSON.
The command line takes the names, types, defaults and help texts of its options from these classes
(see `commands.options`): each entry under `Attributes:` is also the help text of an option.
"""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Annotated, Any, NamedTuple, TypeVar, get_origin, get_type_hints

from fruit_caption.utils.errors import FruitError

AnyConfig = TypeVar("AnyConfig", bound="_Config")


class Range(NamedTuple):
    """Inclusive bounds of a number, for the annotation of a field."""

    minimum: float
    maximum: float


Count = Annotated[int, Range(0, 10_000_000)]
Seed = Annotated[int, Range(0, 2**32 - 1)]


@dataclass(frozen=True)
class _Config:
    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for bounds in getattr(hint, "__metadata__", ()):
                _check_number(name, getattr(self, name), bounds)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls: type[AnyConfig], content: dict[str, Any]) -> AnyConfig:
        """Create a config from what `to_json` returned.

        Raises:
            FruitError: A setting is unknown or missing, or its value is not valid.
        """
        hints = get_type_hints(cls)
        if not isinstance(content, dict) or not set(content) <= set(hints):
            raise FruitError(f"{content!r:.80} is not a valid {cls.__name__}.")
        for setting in fields(cls):
            has_default = (setting.default, setting.default_factory) != (MISSING, MISSING)
            if not has_default and setting.name not in content:
                raise FruitError(f"Not a valid {cls.__name__}: it lacks {setting.name!r}.")
        return cls(**{name: _value(name, hints[name], value) for name, value in content.items()})


def _check_number(name: str, value: Any, bounds: Range) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FruitError(f"{name} must be a number, not {value!r}.")
    if not bounds.minimum <= value <= bounds.maximum:
        raise FruitError(
            f"{name} must be between {bounds.minimum} and {bounds.maximum}, not {value}."
        )


def _value(name: str, hint: Any, value: Any) -> Any:
    """Convert a JSON value to the type of a field; raise `FruitError` if it has another type."""
    if isinstance(hint, type) and issubclass(hint, _Config):
        return hint.from_json(value)
    if isinstance(value, list):
        value = tuple(value)
    if get_origin(hint) in (tuple, dict):
        hint = get_origin(hint)
    if not isinstance(value, int | float if hint is float else hint):
        expected = getattr(hint, "__name__", hint)
        raise FruitError(f"{name} must be of type {expected}, not {value!r:.80}.")
    return value


@dataclass(frozen=True)
class DataConfig(_Config):
    """What `generate-data` puts into a data set.

    Attributes:
        photos: Folders of photos with boxes in COCO, Pascal VOC or YOLO format, or with one
            subfolder per fruit.
        names: JSON file that maps class names to fruits or to "not fruit", such as
            {"boskoop": "apple", "leaf": "not fruit"}.
        open_images: Number of photos to download from Open Images V7.
        compose: Number of photos to compose from fruits cut out of the training photos.
        scenes: Number of synthetic scenes to render.
        plain: Render scenes that are easy to learn from: up to six large fruits of six kinds, on
            pale paper.
        scene_size: Side of a rendered scene, in pixels.
        unseen: Sources whose photos become the "unseen" split, a second test set from places that
            the model was not trained on.
        keep_splits: Keep the splits that the photos come with: of folders named train, val or
            test, of the annotations, or of a column split in photos.csv.
        shares: Shares of the photos for training, validation and test, in percent.
        writer: What writes the texts: "shipped" (a small GPT-2), "grammar" (templates), or another
            language model: a KerasNLP preset such as gpt2_base_en, "hf://owner/name", or a folder.
        seed: Random seed of scenes and texts.

    Raises:
        FruitError: A number is out of bounds.
    """

    photos: tuple[str, ...] = ()
    names: str | None = None
    open_images: Count = 0
    compose: Count = 0
    scenes: Count = 0
    plain: bool = False
    scene_size: Annotated[int, Range(32, 2048)] = 224
    unseen: tuple[str, ...] = ()
    keep_splits: bool = False
    shares: str = "80/10/10"
    writer: str = "shipped"
    seed: Seed = 0


SHIPPED, SHIPPED_NETWORK = "shipped", "efficientnet-lite0"
"""The `encoder_weights` of the released model's encoder, and the network that they belong to."""

CUSTOM_ENCODERS = ("scratch", "blind")
"""The encoders that always start from random weights, see `models.encoders`."""


@dataclass(frozen=True)
class ModelConfig(_Config):
    """Architecture of a model.

    A saved model has the `encoder_weights` "saved": they are part of its own file.

    Attributes:
        encoder: Image encoder: "vgg16", "scratch" (a small CNN trained from random weights),
            "efficientnet-lite0", another network of keras.applications, or "blind" (no image).
        encoder_weights: Weights of a pretrained encoder: "imagenet", "shipped" (those of the
            released model, whose encoder is efficientnet-lite0), the path of a weights file or of
            a folder with one for each network, such as vgg16.weights.h5, or "none" (random).
        freeze: Keep a pretrained encoder as it is and cache its outputs, which is faster on a CPU.
        attention: Let the decoder attend to the grid of image features instead of only their mean.
        image_size: Side of the square that photos are letterboxed to, in pixels; a multiple of 16.
        channels: Number of channels of an image region, and of the keys and values of an attention
            head.
        units: Number of units of the LSTM.
        dropout: Dropout rate.

    Raises:
        FruitError: A number is out of bounds, or the image size is not a multiple of 16.
    """

    encoder: str = "vgg16"
    encoder_weights: str = "imagenet"
    freeze: bool = False
    attention: bool = True
    image_size: Annotated[int, Range(32, 1024)] = 224
    channels: Annotated[int, Range(1, 4096)] = 128
    units: Annotated[int, Range(1, 4096)] = 256
    dropout: Annotated[float, Range(0, 0.95)] = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size % 16:
            raise FruitError(f"image_size must be a multiple of 16, not {self.image_size}.")

    def with_encoder(self, name: str) -> ModelConfig:
        """Return the same settings for another encoder.

        Args:
            name: Name of the encoder, or "pretrained" for VGG16; with the weights "shipped" that is
                the network to which they belong.
        """
        if name == "pretrained":
            name = SHIPPED_NETWORK if self.encoder_weights == SHIPPED else "vgg16"
        weights = "none" if name in CUSTOM_ENCODERS else self.encoder_weights
        return replace(self, encoder=name, encoder_weights=weights)

    def with_saved_weights(self) -> ModelConfig:
        """Return the same architecture for weights that are loaded later.

        "none" stays: with it nothing is frozen.
        """
        return self if self.encoder_weights == "none" else replace(self, encoder_weights="saved")


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """Hyperparameters of training.

    Attributes:
        epochs: Maximum number of passes over the training photos that teach encoder and detector
            to find fruit; 0 keeps those of a trained model.
        decoder_epochs: Maximum number of passes that then teach the decoder to answer. With a data
            set without boxes and labels, the whole model learns to answer in `epochs` passes.
        batch_size: Number of photos per training step.
        questions: Number of questions per photo and step, drawn anew in each epoch.
        learning_rate: Highest learning rate; after a warm-up it decays to zero along a cosine.
        patience: Number of epochs without a better validation score after which a stage ends.
        seed: Random seed of weights, data order, augmentation and dropout.
        quiz: Also learn to generate questions, for `fruit quiz`.
        pretrain_steps: Number of steps that train the decoder on synthetic facts before the photos;
            fewer if the training on photos is short.
        mixed_precision: Compute in bfloat16, which is faster on a GPU.

    Raises:
        FruitError: A number is out of bounds.
    """

    epochs: Annotated[int, Range(0, 100_000)] = 30
    decoder_epochs: Annotated[int, Range(1, 100_000)] = 6
    batch_size: Annotated[int, Range(1, 4096)] = 16
    questions: Annotated[int, Range(1, 256)] = 8
    learning_rate: Annotated[float, Range(1e-8, 10)] = 1e-3
    patience: Annotated[int, Range(1, 100_000)] = 20
    seed: Seed = 0
    quiz: bool = False
    pretrain_steps: Annotated[int, Range(0, 1_000_000)] = 3000
    mixed_precision: bool = False


@dataclass(frozen=True)
class RunConfig(_Config):
    """Everything that is needed to train a run again.

    Attributes:
        data: Folder of the data set.
        model: Architecture of the model.
        training: Hyperparameters of training.
        versions: Versions of the packages that the result depends on, by package name.
        start: Folder of the run whose weights training starts from; `model` is that run's.
        detector: Folder of a run whose encoder and detector are taken over as they are, so that
            only the decoder is trained.
        pretraining: File with the state of the decoder's pre-training, to share between runs whose
            decoders are alike: the first one writes it. By default, each run has its own.
        rehearse: Folder of another data set from which photos are mixed in, so that the model does
            not forget what they show.
        data_digest: Digest of the data set at the time of training, see `dataset.DataSet`.
    """

    data: str
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    versions: dict[str, str] = field(default_factory=dict)
    start: str | None = None
    detector: str | None = None
    pretraining: str | None = None
    rehearse: str | None = None
    data_digest: str | None = None

    def differences(self, other: RunConfig) -> str:
        """Return the names of the settings that differ between two runs, separated by commas.

        Package versions are ignored, and so are the digest of the data if one run has none, and
        what is taken over from other runs, whose paths change when a comparison is moved.
        """
        mine, others = (
            {**config.model.to_json(), **config.training.to_json(), **config.to_json()}
            for config in (self, other)
        )
        ignored = {"model", "training", "versions", "detector", "pretraining"}
        if self.data_digest is None or other.data_digest is None:
            ignored.add("data_digest")
        names = [name for name in mine if mine[name] != others[name]]
        return ", ".join(name for name in names if name not in ignored)
