"""Settings: read from the environment, checked together, refused with the name and the mend."""

from pathlib import Path

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


@pytest.mark.parametrize("service", ["TIERSTREAM", "TIERSTREAM_WEB", "TIERSTREAM_REDIS"])
def test_what_kubernetes_sets_for_a_service_is_told_from_a_misspelling(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    links = {
        f"{service}_SERVICE_HOST": "10.0.0.1",
        f"{service}_SERVICE_PORT": "9472",
        f"{service}_PORT": "tcp://10.0.0.1:9472",
        f"{service}_PORT_9472_TCP_ADDR": "10.0.0.1",
    }
    message = refusal(monkeypatch, **links)
    assert "did you mean" not in message
    assert f"{service}_SERVICE_HOST is no setting of Tierstream: Kubernetes" in message
    assert "`enableServiceLinks: false`" in message


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
        ("TIERSTREAM_WORKER_STOP_DEADLINE_S", "12", "TIERSTREAM_BATCH_TIMEOUT_S=10"),
        ("TIERSTREAM_BATCH_TRANSACTION_TIMEOUT_S", "901", "transaction.max.timeout.ms"),
        ("TIERSTREAM_TOPIC_LOG_RETENTION_DAYS", "30", "the days that an event may be late"),
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


@pytest.mark.parametrize(
    "brokers",
    ["localhost:abc", "localhost:", "a:1,", "a:70000", "a:0", "kafka://a:1", "::1", "a:1 b:2", " "],
)
def test_a_broker_that_is_no_host_and_port_is_refused(
    monkeypatch: pytest.MonkeyPatch, brokers: str
) -> None:
    message = refusal(monkeypatch, TIERSTREAM_KAFKA_BOOTSTRAP=brokers)
    assert f"TIERSTREAM_KAFKA_BOOTSTRAP={brokers} must be host:port, several comma" in message


@pytest.mark.parametrize(
    "brokers", ["kafka", "a:9092, b-1.example.com:9093", "[::1]:9092,10.0.0.1"]
)
def test_brokers_are_written_as_their_client_reads_them(
    monkeypatch: pytest.MonkeyPatch, brokers: str
) -> None:
    monkeypatch.setenv("TIERSTREAM_KAFKA_BOOTSTRAP", brokers)
    assert load().kafka.bootstrap == brokers


@pytest.mark.parametrize("variable", ["TIERSTREAM_KAFKA_BOOTSTRAP", "TIERSTREAM_REDIS_URL"])
def test_an_empty_address_is_not_taken_for_the_default(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    assert f"{variable} is empty: say where it is" in refusal(monkeypatch, **{variable: ""})


@pytest.mark.parametrize("variable", ["SSL_CAFILE", "SSL_CERTFILE"])
def test_a_file_of_certificates_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    name, file = f"TIERSTREAM_KAFKA_{variable}", tmp_path / "it.pem"
    monkeypatch.setenv(name, str(file))
    load()  # nothing is encrypted, and nobody reads it
    message = refusal(monkeypatch, TIERSTREAM_KAFKA_SECURITY_PROTOCOL="SSL")
    assert message.startswith(f"{name}={file} cannot be used (No such file or directory): name PEM")
    file.write_text("nonsense", encoding="utf-8")
    assert refusal(monkeypatch).startswith(f"{name}={file} cannot be used (")


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
