import subprocess
import sys

FIRST_OURS = """
import sys
from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
ours = pipeline_spec_pb2()
assert not [name for name in sys.modules if name == "kfp" or name.startswith("kfp.")]
assert pipeline_spec_pb2() is ours
from kfp.pipeline_spec import pipeline_spec_pb2 as theirs
assert ours.PipelineSpec is theirs.PipelineSpec
"""

FIRST_THE_SDK = """
from kfp.pipeline_spec import pipeline_spec_pb2 as theirs
from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
assert pipeline_spec_pb2() is theirs
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_classes_load_without_the_sdk_and_agree_with_it_later() -> None:
    run(FIRST_OURS)


def test_the_sdks_own_module_is_used_when_it_is_loaded() -> None:
    run(FIRST_THE_SDK)
