"""What a config says of a metric beside its own options."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSettings:
    """Keys that [metric] and each [metric.CLASS] have beside those of the metric."""

    of: str | None = None  # the question that it scores, such as age; none = what decides the competition
