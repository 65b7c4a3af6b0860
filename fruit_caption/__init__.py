"""Visual question answering for photos of fruit, with a CNN encoder and an LSTM decoder.

```python
import fruit_caption as fc

predictor = fc.load()
print(predictor.ask("bowl.jpg", "how many apples?").sentence)
```

`load` returns a `Predictor`, which answers questions, counts fruits, points at them and writes
captions. Every `Answer` has a text, a value (a number, a set of fruits, or True or False) and a
confidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fruit_caption.utils.errors import FruitError, OutOfDomain, PictureError, RunError

if TYPE_CHECKING:
    from fruit_caption.inference.answer import Alternative, Answer
    from fruit_caption.inference.points import Point
    from fruit_caption.inference.predictor import EncodedImage, Predictor, load

__version__ = "0.1.0"
__all__ = [
    "Alternative",
    "Answer",
    "EncodedImage",
    "FruitError",
    "OutOfDomain",
    "PictureError",
    "Point",
    "Predictor",
    "RunError",
    "load",
]


def __getattr__(name: str) -> Any:
    """Import the names of `predictor` on first use, to keep `import fruit_caption` fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fruit_caption.inference import answer, predictor

    globals()[name] = value = getattr(answer if hasattr(answer, name) else predictor, name)
    return value


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return ["__version__", *__all__]
