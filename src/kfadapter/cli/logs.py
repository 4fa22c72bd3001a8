"""Log lines: configured once, by the processes; the libraries in this package only write them."""

import logging
import sys

import structlog


def configure_logs(level: str, form: str) -> None:
    """Send log lines to standard error, where `kubectl logs` finds them.

    Args:
        level: Least severe level: debug, info, warning, error.
        form: `text` for people, `json` for programs.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    stages: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[*stages, last],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(least, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
