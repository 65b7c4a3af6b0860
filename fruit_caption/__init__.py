"""Answer questions about photographs of fruit: a CNN sees, an LSTM speaks.

```python
import fruit_caption as fc

eye = fc.load()
print(eye.ask("bowl.jpg", "how many apples?").sentence)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fruit_caption.utils.errors import FruitError, OutOfDomain, PictureError, RunError

if TYPE_CHECKING:
    from fruit_caption.inference.answer import Alternative, Answer
    from fruit_caption.inference.predictor import EncodedImage, Predictor, load

__version__ = "0.1.0"
__all__ = [
    "Alternative",
    "Answer",
    "EncodedImage",
    "FruitError",
    "OutOfDomain",
    "PictureError",
    "Predictor",
    "RunError",
    "load",
]


def __getattr__(name: str) -> Any:
    """What takes time to import is imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fruit_caption.inference import predictor

    globals()[name] = found = getattr(predictor, name)
    return found
