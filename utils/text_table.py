"""A table as text, for terminals and logs."""

from collections.abc import Sequence

Cells = tuple[str | int, ...]


def format_table(columns: tuple[str, ...], rows: Sequence[Cells]) -> str:
    """Return the table as text: the first column to the left, the others to the right."""
    texts = [columns, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]

    lines = []
    for row in texts:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]))
    return "\n".join(lines)
