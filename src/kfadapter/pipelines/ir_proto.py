"""The protobuf classes of a compiled pipeline (`PipelineSpec`, `PlatformSpec` …), as kfp-pipeline-spec ships them.

kfp-pipeline-spec installs its one module into the `kfp` namespace that the kfp SDK also owns. Importing it by name
would run the SDK's own `__init__` where the SDK is installed (0.3 s, 50 MB), so the file is loaded by its place.
"""

import importlib.metadata
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

_PUBLIC_NAME = "kfp.pipeline_spec.pipeline_spec_pb2"
_OWN_NAME = "kfadapter._pipeline_spec_pb2"
_FILE = "kfp/pipeline_spec/pipeline_spec_pb2.py"


@lru_cache(maxsize=1)
def pipeline_spec_pb2() -> ModuleType:
    """The generated module; the very one of the kfp SDK when that has been imported before.

    Loaded twice in one process it yields the same message classes: protobuf keeps them by their full name.

    Raises:
        ModuleNotFoundError: kfp-pipeline-spec is not installed.
    """
    return sys.modules.get(_PUBLIC_NAME) or sys.modules.get(_OWN_NAME) or _load(_generated_file())


def _generated_file() -> Path:
    try:
        installed = importlib.metadata.distribution("kfp-pipeline-spec")
    except importlib.metadata.PackageNotFoundError as exc:
        raise ModuleNotFoundError("kfp-pipeline-spec is not installed", name=_PUBLIC_NAME) from exc
    return Path(str(installed.locate_file(_FILE)))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_OWN_NAME, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModuleNotFoundError(f"kfp-pipeline-spec has no {path.name}", name=_PUBLIC_NAME)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[_OWN_NAME] = module
    return module
