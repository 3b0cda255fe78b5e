"""What a class knows: tables, a CSV for a learning platform, and one page with figures."""


def class_table(records: dict[str, dict]) -> str:
    """A row for each learner: points, what was found."""
    rows = []
    for student, record in records.items():
        points = sum(exercise["points"] for exercise in record["exercises"].values())
        of = sum(exercise["of"] for exercise in record["exercises"].values())
        found = record["found"] + [f"The same notebook as {other}'s." for other in record.get("twins", [])]
        rows.append((student, f"{points:g}", f"{of:g}", record["status"], f"{record['seconds']:.1f}", "; ".join(found)))
    return "\n".join("  ".join(row) for row in rows)
