"""What scripts/check-chart finds between objects: python3 -m unittest discover --start-directory scripts/tests"""

import copy
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from check_chart.manifests import HELM  # noqa: E402
from check_chart.relations import faults  # noqa: E402

SERVER = {"app": "countersign", "component": "server"}
ENV = {"COUNTERSIGN_DRAIN_DELAY": "5s", "COUNTERSIGN_SHUTDOWN_TIMEOUT": "20s", "COUNTERSIGN_MIGRATE": "on"}


def meta(name: str) -> dict:
    return {"name": name, "labels": {**SERVER, "part": name}}


GOOD = {
    "Deployment": {
        "selector": {"matchLabels": SERVER},
        "template": {
            "metadata": {"labels": SERVER},
            "spec": {
                "serviceAccountName": "default",
                "terminationGracePeriodSeconds": 40,
                "containers": [{"ports": [{"name": "grpc"}], "env": [{"name": name, "value": value} for name, value in ENV.items()]}],
            },
        },
    },
    "Service": {"selector": SERVER, "ports": [{"name": "grpc", "port": 1, "targetPort": "grpc"}]},
    "GRPCRoute": {"rules": [{"backendRefs": [{"name": "countersign", "port": 1}]}]},
    "ServiceMonitor": {"jobLabel": "app", "selector": {"matchLabels": SERVER}, "endpoints": [{"port": "grpc"}]},
    "PrometheusRule": {"groups": [{"rules": [{"expr": 'up{job="countersign"} == 0'}]}]},
    "PodDisruptionBudget": {"selector": {"matchLabels": SERVER}},
    "NetworkPolicy": {"podSelector": {"matchLabels": SERVER}, "ingress": [{"ports": [{"port": "grpc"}]}]},
}


class Relations(unittest.TestCase):
    def setUp(self):
        self.found = [{"kind": kind, "metadata": meta("countersign"), "spec": copy.deepcopy(spec)} for kind, spec in GOOD.items()]
        self.pod = self.spec("Deployment")["template"]["spec"]

    def spec(self, kind: str) -> dict:
        return next(each["spec"] for each in self.found if each["kind"] == kind)

    def says(self, *parts: str):
        said = list(faults(self.found, {"COUNTERSIGN_MASTER_KEY"}))
        self.assertEqual(len(said), len(parts), said)
        for part, fault in zip(parts, said, strict=True):
            self.assertIn(part, fault)

    def test_a_good_release_has_no_fault(self):
        self.says()

    def test_a_selector_must_find_the_servers_and_not_the_migration(self):
        self.spec("PodDisruptionBudget")["selector"]["matchLabels"] = {"app": "other"}
        self.says("PodDisruptionBudget/countersign does not select the servers")
        self.spec("PodDisruptionBudget")["selector"]["matchLabels"] = {"app": "countersign"}
        pod = {"metadata": {"labels": {"app": "countersign", "component": "migrate"}}, "spec": {}}
        self.found.append({"kind": "Job", "metadata": meta("migrate"), "spec": {"template": pod}})
        self.says("also selects the pods of Job/migrate", "COUNTERSIGN_MIGRATE is on")

    def test_ports_must_be_there(self):
        self.spec("Service")["ports"][0]["targetPort"] = "admin"
        self.says("Service/countersign: the container has no port admin")
        self.spec("Service")["ports"][0].update(targetPort="grpc", port=2)
        self.says("GRPCRoute/countersign leads to")
        self.spec("GRPCRoute")["rules"][0]["backendRefs"][0]["port"] = 2
        self.spec("NetworkPolicy")["ingress"][0]["ports"][0]["port"] = "http"
        self.says("NetworkPolicy/countersign: the container has no port http")

    def test_a_monitor_finds_one_service(self):
        self.found.append({"kind": "Service", "metadata": meta("keys"), "spec": GOOD["Service"]})
        self.says("ServiceMonitor/countersign does not find one Service")

    def test_rules_ask_for_the_job_that_the_monitor_names(self):
        self.spec("ServiceMonitor")["jobLabel"] = "component"
        self.says("PrometheusRule/countersign asks for the jobs {'countersign'}, but ServiceMonitor/countersign calls it server")

    def test_the_pod_is_not_killed_before_it_has_ended(self):
        self.pod["terminationGracePeriodSeconds"] = 30
        self.says("is killed before 25 + 5 seconds are over")

    def test_accounts_and_scaled_deployments_are_there(self):
        self.pod["serviceAccountName"] = "auth"
        self.says("there is no ServiceAccount auth")
        self.pod["serviceAccountName"] = "default"
        self.spec("Deployment")["replicas"] = 2
        scaler = {"scaleTargetRef": {"kind": "Deployment", "name": "other"}}
        self.found.append({"kind": "HorizontalPodAutoscaler", "metadata": meta("countersign"), "spec": scaler})
        self.says("scales", "sets replicas")

    def test_a_certificate_is_mounted(self):
        spec = {"secretName": "tls", "dnsNames": ["countersign.auth.svc"]}
        self.found.append({"kind": "Certificate", "metadata": meta("countersign"), "spec": spec})
        self.says("Certificate/countersign writes a secret that nobody mounts")
        self.pod["volumes"] = [{"name": "tls", "secret": {"secretName": "tls"}}]
        self.says()
        spec["dnsNames"] = ["countersign-keys.auth.svc"]
        self.says("Certificate/countersign is not for the name of Service/countersign")

    def test_envoy_has_whom_to_ask_while_no_replica_is_ready(self):
        self.pod["containers"][0]["env"].append({"name": "COUNTERSIGN_AUTHZ_RULES", "value": "/authz/rules.json"})
        self.says("no Service countersign-authz publishes")
        service = {**copy.deepcopy(GOOD["Service"]), "publishNotReadyAddresses": False}
        self.found.append({"kind": "Service", "metadata": {"name": "countersign-authz", "labels": {}}, "spec": service})
        self.says("no Service countersign-authz publishes")
        service["publishNotReadyAddresses"] = True
        self.says()

    def test_no_secret_stands_in_a_manifest(self):
        self.pod["containers"][0]["env"] += [
            {"name": "COUNTERSIGN_MASTER_KEY", "value": "c2VjcmV0"},
            {"name": "COUNTERSIGN_MIGRATE", "value": "check"},
        ]
        self.says("COUNTERSIGN_MIGRATE is check", "COUNTERSIGN_MASTER_KEY stands", "COUNTERSIGN_MIGRATE is set twice")

    def test_who_only_checks_does_not_have_the_owners_url(self):
        env = self.pod["containers"][0]["env"]
        self.pod["initContainers"] = [{"env": []}]
        env[2]["value"] = "check"
        env.append({"name": "COUNTERSIGN_MIGRATE_URL", "valueFrom": {}})
        self.says("has the URL of the tables' owner")


class Manifests(unittest.TestCase):
    def test_nothing_speaks_of_helm(self):
        labels = "  labels:\n    helm.sh/chart: countersign-0.1.0\n    app.kubernetes.io/managed-by: Helm\n    app: x\n"
        self.assertEqual(HELM.sub("", labels), "  labels:\n    app: x\n")


if __name__ == "__main__":
    unittest.main()
