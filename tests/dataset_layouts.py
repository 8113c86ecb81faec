"""Small made-up data sets, each on the disk exactly as the set of its name lies there, and ways to damage one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def picture(seed: int, form: str = "PNG", size: tuple[int, int] = (48, 40)) -> bytes:
    """A picture like no other: coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, form)
    return buffer.getvalue()


def drawing(seed: int, form: str = "PNG") -> bytes:
    """A picture of a drawing like no other: a few black lines on white."""
    points = np.random.default_rng(1000 + seed).integers(4, 60, (5, 2))
    sheet = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(sheet).line([tuple(map(int, point)) for point in points], fill=0, width=2)
    buffer = io.BytesIO()
    sheet.save(buffer, form)
    return buffer.getvalue()


def strokes(seed: int) -> list[list[list[int]]]:
    """A drawing as two strokes."""
    points = np.random.default_rng(2000 + seed).integers(0, 255, (2, 4, 2))
    return points.tolist()


def npy(seed: int) -> bytes:
    """A drawing as FS-COCO's vector sketches: x, y, 1 at the end of a stroke."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([[*p, at == 3] for s in strokes(seed) for at, p in enumerate(s)], np.float32))
    return buffer.getvalue()


def ndjson(*drawings: dict[str, object]) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in drawings)


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def zipped(folder: Path) -> Path:
    target = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return target


def manifest(folder: Path) -> Path:
    rows = [
        {"id": f"p{n}", "category": "mug", "image": f"photo/{n}.png", "text": f"mug number {n}",
         "sketches": [f"sketch/{n}.png", f"line-{n}"], "split": "test"}
        for n in range(3)
    ]  # fmt: skip
    files: dict[str, bytes | str] = {f"photo/{n}.png": picture(n) for n in range(3)}
    files |= {f"sketch/{n}.png": drawing(n) for n in range(3)}
    files["strokes.jsonl"] = ndjson(*({"id": f"line-{n}", "strokes": strokes(n)} for n in range(3)))
    return write(folder / "mugs", {**files, "manifest.jsonl": ndjson(*rows)})


def stbir(folder: Path) -> Path:
    root = "datasets/datasets/ShoeV2"
    files: dict[str, bytes | str] = {}
    for number, split in enumerate(("train", "val", "test")):
        part = "train" if split == "val" else split
        image, sketch = f"{root}/{part}B/{number}.png", f"{root}/{part}A/{number}_1.png"
        row = {
            "id": f"shoe:{number}", "category": "shoe", "split": split, "source": part, "image": image,
            "text": f"red shoe {number}", "positive_sketches": [sketch], "negative_sketches": [sketch],
            "negative_images": [image], "negative_texts": ["blue boot"], "virtual_class": None,
        }  # fmt: skip
        files |= {image: picture(number), sketch: drawing(number), f"manifests/{split}_manifest.jsonl": ndjson(row)}
    return write(folder / "STBIR", files)


def qmul(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for split, photos in (("train", ("1031", "CHA_v1_Red")), ("test", ("2429", "2430"))):
        for number, photo in enumerate(photos):
            seed = len(files)
            files[f"{split}B/{photo}.png"] = picture(seed)
            files |= {f"{split}A/{photo}_{n}.png": drawing(seed * 10 + n) for n in (1, 3)}
            if number == 0:
                files[f"{split}_noise/{photo}_1_mask1.png"] = drawing(seed * 10 + 5)
        files[f"shoe_{split}.txt"] = "".join(f"{photo}.png\tblack shoe {photo}\n" for photo in photos)
    return write(folder / "ShoeV2", files)


def qmul_vector(folder: Path) -> Path:
    points = {
        f"/{split}/{photo}_{n}": [[*p, int(at == 3)] for s in strokes(n) for at, p in enumerate(s)]
        for split, photo, n in (("train", "10_v1", 1), ("train", "10_v1", 2), ("test", "20", 5))
    }
    files: dict[str, bytes | str] = {f"photo/{photo}.png": picture(n) for n, photo in enumerate(("10_v1", "20"))}
    return write(folder / "ChairV2", {**files, "ChairV2_Coordinate.json": json.dumps(points)})


def qmul_v1(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    lists: dict[str, dict[str, list[object]]] = {}
    for split in ("train", "test"):
        names = [f"{split}{n}" for n in (1, 2)]
        files |= {f"shoes/{split}/images/{name}.jpg": picture(hash_of(name), "JPEG") for name in names}
        files |= {f"shoes/{split}/sketches/{name}.png": drawing(hash_of(name)) for name in names}
        lists[split] = {
            "images": [f"{name}.jpg" for name in names], "sketches": [f"{name}.png" for name in names], "triplets": [],
        }  # fmt: skip
    return write(folder / "sbir_cvpr2016", {**files, "shoes/annotation/shoes_annotation.json": json.dumps(lists)})


def hash_of(name: str) -> int:
    return sum(ord(letter) * (at + 1) for at, letter in enumerate(name))


def sketchy(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, name in enumerate(("bear/n02131653_7", "bear/n02131653_9", "hot_air_balloon/ext_1")):
        files[f"256x256/photo/tx_000000000000/{name}.jpg"] = picture(number, "JPEG")
        files[f"256x256/photo/tx_000100000000/{name}.jpg"] = picture(number + 50, "JPEG")
        for n in (1, 2):
            files[f"256x256/sketch/tx_000000000000/{name}-{n}.png"] = drawing(number * 10 + n)
            files[f"256x256/sketch/tx_000100000000/{name}-{n}.png"] = drawing(number * 10 + n + 5)
    files["info/testset.txt"] = "bear/n02131653_9.jpg\n"
    files["sketches/bear/invalid.txt"] = "n02131653_7-2\n"
    return write(folder / "rendered_256x256", files)


def sketchy_lists(folder: Path) -> Path:
    photos = [("256x256/photo/tx_000000000000/bear/n1_7.jpg", 0), ("EXTEND_image_sketchy/bear/n1_8.jpg", 0)]
    zero = [("256x256/photo/tx_000000000000/hot air/n2_1.jpg", 1)]
    sketches = [("256x256/sketch/tx_000000000000_ready/bear/n1_7-1.png", 0)]
    zero_sketches = [("256x256/sketch/tx_000000000000_ready/hot air/n2_1-3.png", 1)]
    files: dict[str, bytes | str] = {path: picture(hash_of(path), "JPEG") for path, _ in photos + zero}
    files |= {path: drawing(hash_of(path)) for path, _ in sketches + zero_sketches}
    lists = {
        "all_photo_filelist_train.txt": photos, "all_photo_filelist_zero.txt": zero,
        "sketch_tx_000000000000_ready_filelist_train.txt": sketches,
        "sketch_tx_000000000000_ready_filelist_zero.txt": zero_sketches,
        "cname_cid.txt": [("bear", 0)], "cname_cid_zero.txt": [("hot air", 1)],
    }  # fmt: skip
    for name, entries in lists.items():
        files[f"zeroshot1/{name}"] = "".join(f"{path} {label}\n" for path, label in entries)
    return write(folder / "Sketchy", files)


def tuberlin_lists(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, split in enumerate(("train", "zero")):
        photo, sketch = f"ImageResized_ready/alarm clock/{split}.jpg", f"png_ready/alarm clock/{split}.png"
        files |= {photo: picture(number, "JPEG"), sketch: drawing(number)}
        files[f"zeroshot/ImageResized_ready_filelist_{split}.txt"] = f"{photo} 3\n"
        files[f"zeroshot/png_ready_filelist_{split}.txt"] = f"{sketch} 3\n"
    return write(folder / "TUBerlin", {**files, "zeroshot/cname_cid.txt": "alarm_clock 3\n"})


def fscoco(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, scene in enumerate(("1/000000000285", "1/000000000300", "2/000000000400")):
        files |= {
            f"images/{scene}.jpg": picture(number, "JPEG"), f"raster_sketches/{scene}.jpg": drawing(number, "JPEG"),
            f"text/{scene}.txt": f"a bear in scene {number}\n", f"vector_sketches/{scene}.npy": npy(number),
        }  # fmt: skip
    files |= {"val_normal.txt": "000000000300\n000000000400\n", "val_unseen_user.txt": "000000000400\n"}
    return write(folder / "fscoco", files)


def sketchycoco(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, part in enumerate(("trainInTrain", "valInTrain", "val")):
        files[f"Scene/GT/{part}/{number}.png"] = picture(number)
        files[f"Scene/Sketch/paper_version/{part}/{number}.png"] = drawing(number)
    for number, part in enumerate(("train", "val")):
        files[f"Object/GT/{part}/17/{number}.png"] = picture(20 + number)
        files[f"Object/Sketch/{part}/17/{number}.png"] = drawing(20 + number)
        files[f"Object/Edge/{part}/17/{number}.png"] = drawing(40 + number)
    return write(folder / "SketchyCOCO", files)


def cstbir(folder: Path) -> Path:
    lines = [
        'train,"a [sketch], by a lake",dog,10.jpg,dog/1.png',
        'train,"a [sketch], by a lake",dog,10.jpg,dog/2.png',
        "train,the cup,cup,10.jpg,cup/1.png",
        "test,a horse that jumps,horse,11.jpg,horse/1.png",
    ]
    files: dict[str, bytes | str] = {f"images/VG_Dataset/VG_100K/{n}.jpg": picture(n, "JPEG") for n in (10, 11)}
    files |= {f"sketches/{name}.png": drawing(n) for n, name in enumerate(("dog/1", "dog/2", "cup/1", "horse/1"))}
    header = "split,text,object_category,image_filename,sketch_filename"
    return write(folder / "cstbir", {**files, "CSTBIR_dataset.csv": "\n".join([header, *lines, ""])})


def dsr(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, name in enumerate(("0/12", "0/13", "1/7")):
        for at, part in enumerate(("images", "art", "mosaic")):
            files[f"{part}/{name}.jpg"] = picture(10 * number + at, "JPEG")
        files[f"sketch/{name}.jpg"] = drawing(number, "JPEG")
        files[f"text/{name}.txt"] = f"a plate of food {number}\n"
    entries = [{"image": f"{name}.jpg", "caption": f"{name}.txt"} for name in ("0/12", "0/13", "1/7")]
    return write(folder / "DSR", {**files, "train.json": json.dumps(entries[:1]), "test.json": json.dumps(entries[1:])})


def karpathy(folder: Path) -> Path:
    images = [
        {"filepath": "val2014", "filename": f"COCO_val2014_{n}.jpg", "cocoid": n, "imgid": n, "sentids": [n],
         "split": split, "sentences": [{"raw": f"A cat {n}.", "tokens": ["a"]}, {"raw": f"Cat no. {n}"}]}
        for n, split in enumerate(("train", "restval", "test"))
    ]  # fmt: skip
    files: dict[str, bytes | str] = {f"images/val2014/COCO_val2014_{n}.jpg": picture(n, "JPEG") for n in range(3)}
    return write(folder / "coco", {**files, "dataset_coco.json": json.dumps({"images": images, "dataset": "coco"})})


def quickdraw(folder: Path) -> Path:
    def line(word: str, number: int, recognized: bool) -> dict[str, object]:
        drawn = [[list(column) for column in zip(*stroke, strict=True)] for stroke in strokes(number)]
        return {"word": word, "countrycode": "DE", "timestamp": "2017-03-01", "recognized": recognized,
                "key_id": f"48{number}", "drawing": drawn}  # fmt: skip

    cats = ndjson(line("cat", 1, True), line("cat", 2, False))
    raw = line("hot air balloon", 3, True)
    raw["drawing"] = [[*stroke, [0, 5, 9, 12]] for stroke in raw["drawing"]]  # type: ignore[attr-defined]
    return write(folder / "quickdraw", {"cat.ndjson": cats, "hot air balloon.ndjson": ndjson(raw)})


def plain_folder(folder: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, name in enumerate(("train/boots/a-1", "test/boots/b", "test/mugs/c")):
        files[f"photo/{name}.jpg"] = picture(number, "JPEG")
        files[f"text/{name}.txt"] = f"thing {number}\nanother thing {number}\n"
        files[f"sketch/{name}-1.png"] = drawing(number)
        files[f"sketch/{name}_2.json"] = json.dumps({"strokes": strokes(number)})
    return write(folder / "mine", files)


@dataclass(frozen=True)
class Layout:
    """A layout of the tests.

    Attributes:
        make: Writes the set into a folder and gives its path.
        format: The format that must be recognised.
        num_rows: Rows it has.
        torn: A file that the tests cut in half.
        removed: A file that they remove.
        is_paired: Whether rows of the asked split have a picture and a drawing or a text.
        split: The split that is asked.
    """

    make: Callable[[Path], Path]
    format: str
    num_rows: int
    torn: str | None
    removed: str | None
    is_paired: bool = True
    split: str = "test"


LAYOUTS: dict[str, Layout] = {
    "manifest": Layout(manifest, "manifest", 3, "photo/0.png", "sketch/1.png"),
    "stbir": Layout(
        stbir, "stbir", 3, "datasets/datasets/ShoeV2/testB/2.png", "datasets/datasets/ShoeV2/trainA/0_1.png"
    ),
    "qmul": Layout(qmul, "qmul", 4, "testB/2429.png", "trainB/1031.png"),
    "qmul-vector": Layout(qmul_vector, "qmul", 2, "photo/20.png", "photo/10_v1.png"),
    "qmul-v1": Layout(qmul_v1, "qmul-v1", 4, "shoes/test/images/test1.jpg", "shoes/train/sketches/train1.png"),
    "sketchy": Layout(
        sketchy, "sketchy", 3, "256x256/photo/tx_000000000000/bear/n02131653_9.jpg",
        "256x256/photo/tx_000000000000/bear/n02131653_7.jpg",
    ),
    "sketchy-lists": Layout(
        sketchy_lists, "sketchy-lists", 3, "256x256/photo/tx_000000000000/hot air/n2_1.jpg",
        "EXTEND_image_sketchy/bear/n1_8.jpg",
    ),
    "tuberlin": Layout(
        tuberlin_lists, "sketchy-lists", 4, "png_ready/alarm clock/zero.png",
        "ImageResized_ready/alarm clock/train.jpg", is_paired=False,
    ),
    "fscoco": Layout(
        fscoco, "fscoco", 3, "images/1/000000000300.jpg", "text/1/000000000285.txt",
    ),
    "sketchycoco": Layout(
        sketchycoco, "sketchycoco", 5, "Scene/Sketch/paper_version/val/2.png", "Object/GT/train/17/0.png", split="val"
    ),
    "cstbir": Layout(cstbir, "cstbir", 3, "images/VG_Dataset/VG_100K/11.jpg", "sketches/dog/2.png"),
    "dsr": Layout(dsr, "dsr", 3, "sketch/1/7.jpg", "images/0/12.jpg"),
    "karpathy": Layout(
        karpathy, "karpathy", 3, "images/val2014/COCO_val2014_2.jpg", "images/val2014/COCO_val2014_0.jpg"
    ),
    "quickdraw": Layout(quickdraw, "quickdraw", 3, None, None, is_paired=False),
    "folder": Layout(plain_folder, "folder", 3, "photo/test/boots/b.jpg", "photo/train/boots/a-1.jpg"),
}  # fmt: skip
