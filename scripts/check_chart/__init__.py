"""What scripts/check-chart asks of the chart, beside Helm and the API server's code."""
