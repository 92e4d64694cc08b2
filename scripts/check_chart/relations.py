"""What the objects of one release must be to one another. The API server looks at each by itself."""

import re
from collections.abc import Iterator

from .chart import Object, containers, name, of_kind

SPARE_SECONDS = 5


def faults(found: list[Object], secrets: set[str]) -> Iterator[str]:
    deployment = next(of_kind("Deployment", found))
    pod = deployment["spec"]["template"]
    yield from of_selectors(found, pod["metadata"]["labels"])
    yield from of_services(found, containers(deployment)[-1])
    yield from of_authorization(found, deployment)
    yield from of_references(found, deployment)
    yield from of_shutdown(deployment)
    yield from of_migration(found, deployment)
    for each in found:
        for container in containers(each):
            yield from literal_secrets(each, container, secrets)


def selects(selector: Object, labels: Object) -> bool:
    return selector.items() <= labels.items()


def of_selectors(found: list[Object], labels: Object) -> Iterator[str]:
    """Each selector finds the servers, and none the pod that migrates."""
    selectors = {
        **{name(each): each["spec"]["selector"] for each in of_kind("Service", found)},
        **{name(each): each["spec"]["selector"]["matchLabels"] for each in of_kind("PodDisruptionBudget", found)},
        **{name(each): each["spec"]["podSelector"]["matchLabels"] for each in of_kind("NetworkPolicy", found)},
        **{name(each): each["spec"]["selector"]["matchLabels"] for each in of_kind("Deployment", found)},
    }
    for whose, selector in selectors.items():
        if not selects(selector, labels):
            yield f"{whose} does not select the servers: {selector}"
        for job in of_kind("Job", found):
            if selects(selector, job["spec"]["template"]["metadata"]["labels"]):
                yield f"{whose} also selects the pods of {name(job)}"


def jobs(rules: Object) -> set[str]:
    expressions = (rule["expr"] for group in rules["spec"]["groups"] for rule in group["rules"])
    return {job for expression in expressions for job in re.findall(r'job="([^"]*)"', expression)}


def of_services(found: list[Object], server: Object) -> Iterator[str]:
    """A Service leads to a port that the server has; a ServiceMonitor finds one Service, and its port, and rules the job."""
    ports = {port["name"] for port in server["ports"]}
    services = {each["metadata"]["name"]: each for each in of_kind("Service", found)}
    for each in services.values():
        for port in each["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"{name(each)}: the container has no port {port['targetPort']}"
    for policy in of_kind("NetworkPolicy", found):
        for port in (port for rule in policy["spec"].get("ingress", ()) for port in rule["ports"]):
            if port["port"] not in ports:
                yield f"{name(policy)}: the container has no port {port['port']}"
    for monitor in of_kind("ServiceMonitor", found):
        labels = monitor["spec"]["selector"]["matchLabels"]
        chosen = [each for each in services.values() if selects(labels, each["metadata"]["labels"])]
        names = {port["name"] for each in chosen for port in each["spec"]["ports"]}
        if len(chosen) != 1 or not {end["port"] for end in monitor["spec"]["endpoints"]} <= names:
            yield f"{name(monitor)} does not find one Service with its port, but {[name(each) for each in chosen]}"
        job = next((each["metadata"]["labels"].get(monitor["spec"]["jobLabel"]) for each in chosen), None)
        for rules in of_kind("PrometheusRule", found):
            if jobs(rules) != {job}:
                yield f"{name(rules)} asks for the jobs {jobs(rules)}, but {name(monitor)} calls it {job}"
    for route in (*of_kind("GRPCRoute", found), *of_kind("HTTPRoute", found)):
        for back in (back for rule in route["spec"]["rules"] for back in rule["backendRefs"]):
            service = services.get(back["name"], {"spec": {"ports": []}})
            if back["port"] not in {port["port"] for port in service["spec"]["ports"]}:
                yield f"{name(route)} leads to {back}, which there is not"


def published(found: list[Object]) -> set[str]:
    """The Services that lead to gRPC, also of replicas that are not ready."""
    services = (each for each in of_kind("Service", found) if each["spec"].get("publishNotReadyAddresses"))
    return {each["metadata"]["name"] for each in services if any(port["name"] == "grpc" for port in each["spec"]["ports"])}


def of_authorization(found: list[Object], deployment: Object) -> Iterator[str]:
    """Envoy has whom to ask while the database is away: memory answers, but no replica is ready."""
    has_rules = any(entry["name"] == "COUNTERSIGN_AUTHZ_RULES" for entry in containers(deployment)[-1]["env"])
    service = f"{deployment['metadata']['name']}-authz"
    if has_rules and service not in published(found):
        yield f"{name(deployment)} has rules for Envoy, but no Service {service} publishes replicas that are not ready"


def of_references(found: list[Object], deployment: Object) -> Iterator[str]:
    there = {name(each) for each in found}
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    if account != "default" and f"ServiceAccount/{account}" not in there:
        yield f"there is no ServiceAccount {account}"
    for scaler in of_kind("HorizontalPodAutoscaler", found):
        target = scaler["spec"]["scaleTargetRef"]
        if f"{target['kind']}/{target['name']}" not in there:
            yield f"{name(scaler)} scales {target}, which there is not"
        if "replicas" in deployment["spec"]:
            yield f"{name(deployment)} sets replicas, and so does {name(scaler)}"
    volumes = deployment["spec"]["template"]["spec"].get("volumes", ())
    mounted = {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
    for volume in volumes:
        # Others' config maps are in no manifest of ours.
        if volume["name"] == "authz" and f"ConfigMap/{volume['configMap']['name']}" not in there:
            yield f"{name(deployment)} mounts {volume}, which there is not"
    for certificate in of_kind("Certificate", found):
        if certificate["spec"]["secretName"] not in mounted:
            yield f"{name(certificate)} writes a secret that nobody mounts"
        for service in (each["metadata"]["name"] for each in of_kind("Service", found)):
            if not any(host.startswith(f"{service}.") for host in certificate["spec"]["dnsNames"]):
                yield f"{name(certificate)} is not for the name of Service/{service}"


def of_shutdown(deployment: Object) -> Iterator[str]:
    spec = deployment["spec"]["template"]["spec"]
    values = {entry["name"]: entry.get("value") for entry in containers(deployment)[-1]["env"]}
    settings = ("COUNTERSIGN_DRAIN_DELAY", "COUNTERSIGN_SHUTDOWN_TIMEOUT")
    needed = sum(int(values[setting].removesuffix("s")) for setting in settings)
    if spec["terminationGracePeriodSeconds"] <= needed + SPARE_SECONDS:
        yield f"{name(deployment)} is killed before {needed} + {SPARE_SECONDS} seconds are over"


def of_migration(found: list[Object], deployment: Object) -> Iterator[str]:
    """Where something migrates before the servers, these only check, and do not have the owner's URL."""
    *first, server = containers(deployment)
    values = {entry["name"]: entry.get("value") for entry in server["env"]}
    before = bool(first) or any(of_kind("Job", found))
    if values["COUNTERSIGN_MIGRATE"] != ("check" if before else "on"):
        yield f"{name(deployment)}: COUNTERSIGN_MIGRATE is {values['COUNTERSIGN_MIGRATE']}"
    if before and {"COUNTERSIGN_MIGRATE_URL", "COUNTERSIGN_MIGRATE_URL_FILE"} & values.keys():
        yield f"{name(deployment)} has the URL of the tables' owner"


def literal_secrets(each: Object, container: Object, secrets: set[str]) -> Iterator[str]:
    for entry in container["env"]:
        # Made of parts, the database's URL has no user in it.
        if entry["name"] in {*secrets, "PGPASSWORD"} and not entry.get("value", "postgres:///").startswith("postgres:///"):
            yield f"{name(each)}: {entry['name']} stands in the manifest"
    names = [entry["name"] for entry in container["env"]]
    for twice in sorted({entry for entry in names if names.count(entry) > 1}):
        yield f"{name(each)}: {twice} is set twice"
