"""What a panel is, and the expressions that many of them share."""

from typing import NamedTuple

# The replicas that the dashboard's variables choose. A label that a Prometheus does not give is empty, which ".*" matches.
CHOSEN = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'


class Query(NamedTuple):
    expression: str
    legend: str


class Panel(NamedTuple):
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    kind: str = "timeseries"
    # Values from which a figure is yellow, and red.
    limits: tuple[float, float] | None = None


class Row(NamedTuple):
    title: str
    panels: tuple[Panel, ...]


def series(name: str, labels: str = "") -> str:
    return f"{name}{{{labels and labels + ','}{CHOSEN}}}"


def rate(name: str, labels: str = "") -> str:
    return f"rate({series(name, labels)}[$__rate_interval])"


def per(labels: str, what: str) -> str:
    return f"sum by ({labels}) ({what})"


def one(expression: str, legend: str) -> tuple[Query]:
    return (Query(expression, legend),)


def all_of(name: str, legend: str) -> Query:
    """A gauge of all replicas together."""
    return Query(f"sum({series(name)})", legend)


def worst(name: str, legend: str, labels: str = "", by: str = "") -> Query:
    """Of a gauge that is the same for all replicas, or whose highest value counts."""
    return Query(f"max {by and f'by ({by}) '}({series(name, labels)})", legend)


def rates(name: str, by: str, legend: str, labels: str = "") -> Query:
    """A counter, a second, by labels."""
    return Query(per(by, rate(name, labels)) if by else f"sum({rate(name, labels)})", legend)


def quantile(q: float, name: str, labels: str = "", by: str = "") -> str:
    buckets = per(f"{by}, le" if by else "le", rate(f"{name}_bucket", labels))
    return f"histogram_quantile({q}, {buckets})"


def percentiles(name: str, labels: str = "") -> tuple[Query, ...]:
    return tuple(Query(quantile(q, name, labels), f"p{100 * q:.0f}") for q in (0.5, 0.9, 0.99))


def calls(by: str, *methods: str) -> tuple[Query]:
    """Calls of these methods a second, by one label."""
    chosen = f'grpc_method=~"{"|".join(methods)}"'
    return (rates("grpc_server_handled_total", by, f"{{{{{by}}}}}", chosen),)


def share(part: str, whole: str) -> str:
    """0 where the part has no series yet."""
    return f"(sum({part}) or vector(0)) / sum({whole})"
