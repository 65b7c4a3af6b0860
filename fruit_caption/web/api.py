"""The plain HTTP API: `POST /api/ask` with a picture and a question returns the answer as JSON."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.images import UNNAMED
from fruit_caption.web.cards import MAX_ALTERNATIVES
from fruit_caption.web.limits import MAX_UPLOAD, Busy, TooManyCalls
from fruit_caption.web.service import Service, Upload, public_message

PATH = "/api/ask"

USAGE = (
    "Send a form (multipart/form-data) with the file `picture` and the text `question`, such as "
    'curl -F picture=@photo.jpg -F question="how many apples?"'
)

MAX_BODY = MAX_UPLOAD + 64 * 1024
"""Maximum size of a request in bytes: the picture, the question and what separates them."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
"""Methods that get an answer; for all but POST it says how to ask."""


class BadRequest(FruitError):
    """A request can't be answered.

    Args:
        message: The reason, one line.
        status: HTTP status of the response.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class AskEndpoint:
    """Answers requests to `POST /api/ask`.

    Args:
        service: Answers the questions.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def respond(self, request: Request) -> Response:
        """Answer a request; errors become a JSON object with the key "error"."""
        try:
            if request.method != "POST":
                raise BadRequest(USAGE, 405)
            picture, question = await _read_form(request)
            client = request.client.host if request.client else ""
            answer = await run_in_threadpool(self._service.ask, client, picture, question)
            return JSONResponse(answer.to_json(MAX_ALTERNATIVES))
        except Exception as error:
            return JSONResponse({"error": public_message(error)}, _status(error))


async def _read_form(request: Request) -> tuple[Upload, str]:
    """Read the picture and the question.

    Raises:
        BadRequest: The body is not such a form, or too large.
    """
    _check_length(request)
    try:
        async with _limited(request).form(max_files=1, max_fields=1) as form:
            return await _fields(form)
    except HTTPException:
        raise BadRequest(USAGE) from None


async def _fields(form: FormData) -> tuple[Upload, str]:
    picture, question = form.get("picture"), form.get("question")
    if not isinstance(picture, UploadFile) or not isinstance(question, str):
        raise BadRequest(USAGE)
    content = await picture.read()
    if len(content) > MAX_UPLOAD:
        raise _too_large()
    return Upload(content, picture.filename or UNNAMED), question


def _check_length(request: Request) -> None:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise _too_large()


def _limited(request: Request) -> Request:
    """Return the request with a limit on what is read of its body, whatever its header says."""
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise _too_large()
        return message

    return Request(request.scope, receive)


def _too_large() -> BadRequest:
    return BadRequest(f"The picture is too large: at most {MAX_UPLOAD // 1024**2} MB.", 413)


def _status(error: Exception) -> int:
    """Return the HTTP status that tells a program what kind of error it was."""
    statuses: dict[Any, int] = {TooManyCalls: 429, Busy: 503, FruitError: 422}
    if isinstance(error, BadRequest):
        return error.status
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)
