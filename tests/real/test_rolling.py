"""Two replicas are restarted one after the other while calls run, through each proxy and from clients that balance themselves."""

import pytest

import load
from load import Load, Replicas, log_in, mixed_calls
from proxies import PROXIES


def roll(replicas: Replicas, loads: list[Load]) -> None:
    """No call fails through a rolling restart."""
    took = replicas.restart()
    results = {each.name: each.result() for each in loads}
    for name, result in results.items():
        print(f"{name}: {result}; the restart took {took:.1f} s")
    assert {name: result.failed for name, result in results.items()} == {name: {} for name in results}


@pytest.fixture
def replicas(tmp_path, postgres, run) -> Replicas:
    return Replicas(tmp_path, postgres.url(), run, COUNTERSIGN_TRUSTED_PROXIES="127.0.0.1")


@pytest.mark.short
def test_a_login_and_a_rolling_restart_behind_each_proxy(tmp_path, replicas, run):
    ca = load.certificate(tmp_path)
    loads = []
    for name, proxy in PROXIES.items():
        port = run(proxy(tmp_path, replicas)).port
        calls = mixed_calls(log_in(load.secure_channel(port, ca), name), name)
        loads.append(run(Load(tmp_path, f"through-{name}", [f"localhost:{port}"], calls, 1_000, 80, ca=ca)))
    roll(replicas, loads)


@pytest.mark.parametrize("name", PROXIES)
def test_ten_thousand_calls_and_a_rolling_restart_behind(name, tmp_path, replicas, run):
    ca = load.certificate(tmp_path)
    port = run(PROXIES[name](tmp_path, replicas)).port
    calls = mixed_calls(log_in(load.secure_channel(port, ca), name), name)
    roll(replicas, [run(Load(tmp_path, f"through-{name}", [f"localhost:{port}"], calls, 10_000, 700, ca=ca))])


ROUND_ROBIN = {"loadBalancingConfig": [{"round_robin": {}}]}
DIRECT = {
    # Without an authority, the list of addresses would be it.
    "grpcio": {"service_config": ROUND_ROBIN, "authority": "countersign"},
    # No healthCheckConfig: grpc-go would leave a replica that drains at once, before it has found the one that came back.
    "grpc-go": {"service_config": ROUND_ROBIN},
    "grpc-js": {"service_config": ROUND_ROBIN},
}


@pytest.mark.parametrize("language", DIRECT)
def test_ten_thousand_calls_and_a_rolling_restart_balanced_by(language, tmp_path, replicas, run):
    calls = mixed_calls(log_in(replicas.each[0].channel(), "alice"), "alice")
    addresses = [replica.grpc for replica in replicas.each]
    roll(replicas, [run(Load(tmp_path, language, addresses, calls, 10_000, 700, language=language, **DIRECT[language]))])
