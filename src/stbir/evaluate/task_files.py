"""A task written out, so that a system in any language can answer it: queries, gallery and the right answers.

queries.jsonl   {"id", "text", "sketches": [files], "category", "pool"} one query a line; `id` goes into run files
gallery.jsonl   {"id", "image", "category", "pool"} one picture a line; a query searches the pictures of its pool
qrels.txt       TREC qrels: the right picture of every query
"""

from __future__ import annotations

import json
from pathlib import Path

from stbir.atomic import write_atomically
from stbir.errors import InputError
from stbir.evaluate.runs import write_qrels
from stbir.evaluate.task import Task


def write_task(task: Task, folder: Path) -> None:
    """Write a task's files.

    Args:
        task: The task, without noise.
        folder: Where to; made if absent.

    Raises:
        InputError: It cannot be written.
    """
    pools = task.pools()
    queries = [
        {
            "id": question.id,
            "text": question.text,
            "sketches": [question.row.sketches[position] for position in question.positions],
            "category": question.row.category,
            "pool": pools[question.target],
        }
        for question in task.questions
    ]
    gallery = [
        {"id": row.id, "image": row.image, "category": row.category, "pool": pool}
        for row, pool in zip(task.gallery, pools, strict=True)
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (("queries.jsonl", queries), ("gallery.jsonl", gallery)):
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            write_atomically(folder / name, lines.encode())
        write_qrels(
            folder / "qrels.txt",
            [question.id for question in task.questions],
            [task.gallery[question.target].id for question in task.questions],
        )
    except OSError as error:
        raise InputError(f"cannot write into {folder}: {error.strerror or error}: choose another folder") from None
