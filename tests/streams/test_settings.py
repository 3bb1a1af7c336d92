"""Settings: read from the environment, checked together, refused with the name and the mend."""

import pytest

from streams.settings import BadSettings, Settings, load, variables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def refusal(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        load()
    return str(caught.value)


def test_defaults_go_together() -> None:
    assert load() == Settings()


def test_every_group_is_read_from_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERSTREAM_APP", "shop")
    monkeypatch.setenv("TIERSTREAM_PARTITIONS", "12")
    monkeypatch.setenv("TIERSTREAM_KAFKA_BOOTSTRAP", "broker-1:9092,broker-2:9092")
    monkeypatch.setenv("TIERSTREAM_REDIS_URL", "rediss://cache:6380/1")
    monkeypatch.setenv("TIERSTREAM_TOPIC_PREFIX", "test.")
    monkeypatch.setenv("TIERSTREAM_GROUP_INSTANCE_ID", "customers-1")
    settings = load()
    assert (settings.app, settings.partitions) == ("shop", 12)
    assert settings.kafka.bootstrap == "broker-1:9092,broker-2:9092"
    assert settings.redis.url == "rediss://cache:6380/1"
    assert settings.topic.prefix == "test."
    assert settings.group.instance_id == "customers-1"


def test_a_misspelled_variable_is_refused_with_the_name_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = refusal(monkeypatch, TIERSTREAM_KAFKA_BOOTSTRP="localhost:9092")
    assert "did you mean TIERSTREAM_KAFKA_BOOTSTRAP?" in message


def test_a_value_out_of_range_names_variable_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, TIERSTREAM_PARTITIONS="0", TIERSTREAM_LOG_LEVEL="loud")
    assert "TIERSTREAM_PARTITIONS='0' is refused" in message
    assert "TIERSTREAM_LOG_LEVEL='loud' is refused" in message


@pytest.mark.parametrize(
    ("variable", "value", "related"),
    [
        ("TIERSTREAM_GROUP_HEARTBEAT_INTERVAL_S", "4", "TIERSTREAM_GROUP_SESSION_TIMEOUT_S=8"),
        ("TIERSTREAM_BATCH_TRANSACTION_TIMEOUT_S", "9", "TIERSTREAM_BATCH_TIMEOUT_S=10"),
        ("TIERSTREAM_GROUP_REBALANCE_TIMEOUT_S", "5", "TIERSTREAM_BATCH_TIMEOUT_S=10"),
        ("TIERSTREAM_WORKER_STALL_LIMIT_S", "10", "TIERSTREAM_BATCH_TIMEOUT_S=10"),
        ("TIERSTREAM_KAFKA_REQUEST_TIMEOUT_S", "8", "TIERSTREAM_GROUP_SESSION_TIMEOUT_S=8"),
        ("TIERSTREAM_KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "TIERSTREAM_KAFKA_SASL_PASSWORD"),
    ],
)
def test_values_that_do_not_go_together_are_named_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, related: str
) -> None:
    message = refusal(monkeypatch, **{variable: value})
    assert f"{variable}={value}" in message
    assert related in message
    assert ": " in message


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERSTREAM_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("TIERSTREAM_KAFKA_SASL_USERNAME", "shop")
    monkeypatch.setenv("TIERSTREAM_KAFKA_SASL_PASSWORD", "hush-hush")
    settings = load()
    assert "hush-hush" not in repr(settings)
    assert "hush-hush" in settings.kafka.client_options().values()


def test_the_tree_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings(), "app", "other")  # noqa: B010  a type checker would refuse the plain form
