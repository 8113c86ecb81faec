"""Which triangle each pixel sees: a visibility buffer, drawn off-screen by VTK.

The vertices come already projected; VTK only settles what hides what. Everything else (normals, colours, light,
outlines) is computed from the face numbers in NumPy, so one pass serves pictures, shadows and drawings. VTK is imported
at the first use, not with the package.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stbir.errors import MissingExtraError
from stbir.synth.mesh import Array


@lru_cache(maxsize=1)
def _vtk() -> dict[str, Any]:
    try:
        import vtkmodules.vtkRenderingOpenGL2 as opengl
        from vtkmodules.util import numpy_support
        from vtkmodules.vtkCommonCore import vtkLogger, vtkPoints, vtkUnsignedCharArray
        from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
        from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper, vtkRenderer, vtkRenderWindow
    except ImportError as error:
        raise MissingExtraError("drawing pictures of objects", "synth") from error
    del opengl
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)  # without a display VTK says so, then goes on without one
    names = (vtkPoints, vtkUnsignedCharArray, vtkCellArray, vtkPolyData, vtkActor, vtkPolyDataMapper, vtkRenderer)
    return {"support": numpy_support, "window": vtkRenderWindow, **{item.__name__: item for item in names}}


def require_vtk() -> None:
    """Import VTK.

    Raises:
        MissingExtraError: VTK is not installed.
    """
    _vtk()


@lru_cache(maxsize=4)
def _canvas(size_px: int) -> tuple[Any, Any]:
    vtk = _vtk()
    window = vtk["window"]()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(size_px, size_px)
    renderer = vtk["vtkRenderer"]()
    renderer.SetBackground(1.0, 1.0, 1.0)
    window.AddRenderer(renderer)
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.SetParallelScale(1.0)
    camera.SetPosition(0.0, 0.0, 2.0)
    camera.SetFocalPoint(0.0, 0.0, 0.0)
    camera.SetViewUp(0.0, 1.0, 0.0)
    camera.SetClippingRange(0.9, 3.1)
    return window, renderer


def visible_faces(points: Array, faces: NDArray[np.int64], size_px: int) -> NDArray[np.int64]:
    """The face that each pixel sees.

    Args:
        points: [V, 3] projected: x and y in [-1, 1] (y up), z of any range, larger is nearer.
        faces: [F, 3] with F < 2**24 - 1.
        size_px: S, width and height of the buffer.

    Returns:
        [S, S] face numbers, row 0 on top; -1 where nothing is.

    Raises:
        MissingExtraError: VTK is not installed.
    """
    vtk = _vtk()
    window, renderer = _canvas(size_px)
    low, high = points[:, 2].min(), points[:, 2].max()
    flat = points.astype(np.float32)
    flat[:, 2] = (points[:, 2] - low) / max(high - low, 1e-9) * 1.8 - 0.9
    body, place, cells = vtk["vtkPolyData"](), vtk["vtkPoints"](), vtk["vtkCellArray"]()
    place.SetData(vtk["support"].numpy_to_vtk(flat, deep=True))
    body.SetPoints(place)
    cells.SetData(3, vtk["support"].numpy_to_vtkIdTypeArray(np.ascontiguousarray(faces).ravel(), deep=True))
    body.SetPolys(cells)
    number = np.arange(len(faces))
    code = np.stack([number & 255, (number >> 8) & 255, number >> 16], axis=1).astype(np.uint8)
    body.GetCellData().SetScalars(vtk["support"].numpy_to_vtk(code, deep=True))
    mapper, actor = vtk["vtkPolyDataMapper"](), vtk["vtkActor"]()
    mapper.SetInputData(body)
    mapper.SetScalarModeToUseCellData()
    mapper.SetColorModeToDirectScalars()
    actor.SetMapper(mapper)
    actor.GetProperty().LightingOff()
    actor.GetProperty().SetInterpolationToFlat()
    renderer.RemoveAllViewProps()
    renderer.AddActor(actor)
    window.Render()
    pixels = vtk["vtkUnsignedCharArray"]()
    window.GetRGBACharPixelData(0, 0, size_px - 1, size_px - 1, 0, pixels)
    rgba = vtk["support"].vtk_to_numpy(pixels).reshape(size_px, size_px, 4).astype(np.int64)
    found = rgba[::-1, :, 0] | (rgba[::-1, :, 1] << 8) | (rgba[::-1, :, 2] << 16)
    return np.where(found < len(faces), found, -1)


def pixel_weights(
    points: Array, faces: NDArray[np.int64], found: NDArray[np.int64]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], Array]:
    """Where each covered pixel lies within its triangle, on the screen.

    Args:
        points: [V, 3] projected, as given to `visible_faces`.
        faces: [F, 3].
        found: [S, S] from `visible_faces`.

    Returns:
        Row and column numbers of the P covered pixels, and weights [P, 3] of the corners, each row summing to 1.
    """
    size = found.shape[0]
    rows, columns = np.nonzero(found >= 0)
    corner = points[faces[found[rows, columns]], :2]
    x = (columns + 0.5) / size * 2 - 1 - corner[:, 2, 0]
    y = 1 - (rows + 0.5) / size * 2 - corner[:, 2, 1]
    a, b = corner[:, 0] - corner[:, 2], corner[:, 1] - corner[:, 2]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    first = np.clip((x * b[:, 1] - y * b[:, 0]) / area, 0, 1)
    second = np.clip((a[:, 0] * y - a[:, 1] * x) / area, 0, 1)
    weights = np.stack([first, second, np.clip(1 - first - second, 0, 1)], axis=1)
    return (rows, columns), weights / weights.sum(axis=1, keepdims=True)
