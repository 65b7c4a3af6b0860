"""Answer questions about photographs of fruit: a CNN sees, an LSTM speaks.

```python
import fruit_caption as fc

eye = fc.load()
print(eye.ask("bowl.jpg", "how many apples?").sentence)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fruit_caption.errors import FruitError, OutOfDomain, PictureError, RunError

if TYPE_CHECKING:
    from fruit_caption.answering import Eye, Sight, load
    from fruit_caption.answers import Alternative, Answer

__version__ = "0.1.0"
__all__ = [
    "Alternative",
    "Answer",
    "Eye",
    "FruitError",
    "OutOfDomain",
    "PictureError",
    "RunError",
    "Sight",
    "load",
]


def __getattr__(name: str) -> Any:
    """What takes time to import is imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fruit_caption import answering

    globals()[name] = found = getattr(answering, name)
    return found
