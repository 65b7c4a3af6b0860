"""The web page and its HTTP APIs: a plain POST, and the calls of Gradio.

The page loads nothing from other servers: it uses system fonts and the scripts that come with
Gradio.
"""

from fruit_caption.utils.errors import FruitError

try:
    import gradio  # noqa: F401
except ModuleNotFoundError:
    raise FruitError("The web page needs Gradio: pip install 'fruit-caption[web]'.") from None
