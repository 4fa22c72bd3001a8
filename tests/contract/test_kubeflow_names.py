"""Pipelines, versions and experiments by the names people give them."""

import pytest

from kfadapter.errors import KubeflowConflict, KubeflowNotFound, KubeflowUnavailable, NameNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.testing.kubeflow import FakeKubeflow

ODD_NAMES = [
    "qoe_Pipeline",
    "[Tutorial] Data passing in python components",
    "a/b",
    "a//b/../c",
    "50%",
    "50%25",
    "a+b c",
    "what?",
    "#1",
    "größe",
    "日本語",
    "a:b",
    "a:terminate",
    ".",
    "..",
    "...",
    "names",
    "upload",
    'quo"ted',
    "back\\slash",
    "semi;colon&amp=1",
    "  blanks  ",
    "ü" * 60,
]


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_any_name_finds_its_pipeline(kubeflow: Kubeflow, fake: FakeKubeflow, name: str) -> None:
    fake.add_pipeline("another")
    expected = fake.add_pipeline(name)
    assert (await kubeflow.pipelines.find(name)).pipeline_id == expected


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_any_name_finds_its_version_and_experiment(kubeflow: Kubeflow, fake: FakeKubeflow, name: str) -> None:
    pipeline_id = fake.add_pipeline("qoe")
    version_id = fake.add_version(pipeline_id, name)
    experiment_id = fake.add_experiment(name)
    assert (await kubeflow.versions.find(pipeline_id, name)).pipeline_version_id == version_id
    assert (await kubeflow.experiments.find(name)).experiment_id == experiment_id


@pytest.mark.parametrize("name", [*ODD_NAMES, "", "x" * 300, "x" * 20_000, "a\x00b", "\ud800"])
async def test_a_name_that_leads_nowhere(kubeflow: Kubeflow, fake: FakeKubeflow, name: str) -> None:
    pipeline_id = fake.add_pipeline("another")
    for find in (
        lambda: kubeflow.pipelines.find(name),
        lambda: kubeflow.versions.find(pipeline_id, name),
        lambda: kubeflow.experiments.find(name),
    ):
        with pytest.raises(NameNotFound) as caught:
            await find()
        assert caught.value.matches == 0


async def test_the_usual_name_costs_one_call(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.add_pipeline("qoe_Pipeline")
    await kubeflow.pipelines.find("qoe_Pipeline")
    assert len(fake.requests) == 1


async def test_letter_case_counts(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.add_pipeline("QoE")
    fake.add_experiment("QoE")
    with pytest.raises(NameNotFound):
        await kubeflow.pipelines.find("qoe")
    with pytest.raises(NameNotFound):
        await kubeflow.experiments.find("qoe")


class TestNameAndDisplayNameDiffer:
    """Only newer servers know two names."""

    @pytest.fixture
    def fake(self) -> FakeKubeflow:
        return FakeKubeflow()

    @pytest.fixture(autouse=True)
    def serving(self, fake: FakeKubeflow) -> object:
        with fake:
            yield

    async def test_the_display_name_goes_first(self, kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
        fake.add_pipeline("qoe", display_name="Something else")
        shown = fake.add_pipeline("other", display_name="qoe")
        assert (await kubeflow.pipelines.find("qoe")).pipeline_id == shown

    async def test_the_unique_name_is_taken_when_nothing_is_shown_so(
        self, kubeflow: Kubeflow, fake: FakeKubeflow
    ) -> None:
        named = fake.add_pipeline("qoe", display_name="Something else")
        assert (await kubeflow.pipelines.find("qoe")).pipeline_id == named
        version_id = fake.add_version(named, "2", display_name="Second")
        assert (await kubeflow.versions.find(named, "2")).pipeline_version_id == version_id
        assert (await kubeflow.versions.find(named, "Second")).pipeline_version_id == version_id

    async def test_a_name_shown_twice_is_ambiguous(self, kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
        fake.add_pipeline("a", display_name="qoe")
        fake.add_pipeline("b", display_name="qoe")
        with pytest.raises(NameNotFound) as caught:
            await kubeflow.pipelines.find("qoe")
        assert (caught.value.kind, caught.value.matches) == ("pipeline", 2)

    async def test_a_version_shown_twice_is_ambiguous(self, kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
        pipeline_id = fake.add_pipeline("qoe")
        fake.add_version(pipeline_id, "a", display_name="best")
        fake.add_version(pipeline_id, "b", display_name="best")
        with pytest.raises(NameNotFound) as caught:
            await kubeflow.versions.find(pipeline_id, "best")
        assert caught.value.matches == 2


async def test_an_absent_kubeflow_is_not_an_unknown_name(kubeflow: Kubeflow, fake: FakeKubeflow) -> None:
    fake.outage()
    with pytest.raises(KubeflowUnavailable):
        await kubeflow.pipelines.find("qoe")


async def test_versions_of_an_unknown_pipeline(kubeflow: Kubeflow) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for call in (kubeflow.versions.find(unknown, "1"), kubeflow.versions.latest(unknown)):
        with pytest.raises(KubeflowNotFound):
            await call


async def test_an_experiment_is_created_once(kubeflow: Kubeflow) -> None:
    created = await kubeflow.experiments.create("mine", "notes")
    assert (await kubeflow.experiments.get(created.experiment_id)).description == "notes"
    with pytest.raises(KubeflowConflict) as caught:
        await kubeflow.experiments.create("mine")
    assert "already exists" in caught.value.reason
