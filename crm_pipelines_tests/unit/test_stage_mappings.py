"""What a stage can be mapped to, as far as that takes no database to know."""

from __future__ import annotations

import pytest

from crm_pipelines.flows.stages import mappings
from crm_pipelines.flows.stages.actions import discover
from crm_pipelines.model.errors import InvalidData


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"actions": [{"action": "dance"}]}, "there is no action 'dance'; there are assign_owner"),
        ({"actions": [{"action": "update_lead_score", "options": {"score": 101}}]}, "100"),
        ({"actions": [{"action": "start_campaign"}]}, "actions.0.options.campaign"),
        ({"actions": [{"action": "stop_campaign", "options": {"capaign": "x"}}]}, "capaign"),
        ({"actions": [{"action": "assign_owner"}]}, "actions.0.options.users"),
        ({"probability": 101}, "probability: Input should be less than or equal to 100"),
        ({"probability": "40"}, "probability"),
        ({"local_status": ""}, "local_status"),
    ],
)
def test_wrong_mappings_are_refused_with_words(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidData) as refused:
        mappings.read({"probability": 10, **wrong})
    assert words in str(refused.value)
    assert refused.value.fields


def test_every_action_is_declared_in_a_file_of_its_name() -> None:
    assert [*discover()] == [
        "assign_owner",
        "send_notification",
        "set_lead_status",
        "start_campaign",
        "stop_campaign",
        "update_lead_score",
    ]
    for name, action in discover().items():
        assert action.apply.__module__.endswith(f".{name}") and action.what
