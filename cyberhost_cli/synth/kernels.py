"""The programs that warp compiles: ray casting, shading, and finding places on a surface."""

# They are written in warp's own language, which only looks like typed Python.

from typing import no_type_check

import warp as wp


@wp.kernel
@no_type_check
def add_normals(points: wp.array(dtype=wp.vec3), faces: wp.array(dtype=int), normals: wp.array(dtype=wp.vec3)) -> None:
    """Add the normal of one triangle, as long as it is large, to those of its corners."""
    i = wp.tid()
    a, b, c = faces[3 * i], faces[3 * i + 1], faces[3 * i + 2]
    normal = wp.cross(points[b] - points[a], points[c] - points[a])
    wp.atomic_add(normals, a, normal)
    wp.atomic_add(normals, b, normal)
    wp.atomic_add(normals, c, normal)


@wp.func
@no_type_check
def _texel(texture: wp.array2d(dtype=wp.vec3), x: int, y: int) -> wp.vec3:
    last = texture.shape[0] - 1
    return texture[wp.clamp(y, 0, last), wp.clamp(x, 0, last)]


@wp.func
@no_type_check
def _sample(texture: wp.array2d(dtype=wp.vec3), place: wp.vec2) -> wp.vec3:
    side = float(texture.shape[0])
    x, y = place[0] * side - 0.5, place[1] * side - 0.5
    left, low = wp.floor(x), wp.floor(y)
    i, j = int(left), int(low)
    below = wp.lerp(_texel(texture, i, j), _texel(texture, i + 1, j), x - left)
    above = wp.lerp(_texel(texture, i, j + 1), _texel(texture, i + 1, j + 1), x - left)
    return wp.lerp(below, above, y - low)


@wp.kernel
@no_type_check
def shade(
    mesh: wp.uint64,
    normals: wp.array(dtype=wp.vec3),
    corners: wp.array(dtype=wp.vec2),
    colours: wp.array(dtype=wp.vec3),
    texture: wp.array2d(dtype=wp.vec3),
    eye: wp.vec3,
    lens: wp.vec3,
    light: wp.vec3,
    tone: wp.vec2,
    image: wp.array2d(dtype=wp.vec3),
) -> None:
    """Paint one ray; triangles without texture `corners` have the colours of their vertices.

    `lens` holds the focal length and the centre in rays, `tone` the room's light and what is left of the lamp's in
    shadows.
    """
    row, column = wp.tid()
    x = (float(column) + 0.5 - lens[1]) / lens[0]
    z = (lens[2] - float(row) - 0.5) / lens[0]
    ray = wp.normalize(wp.vec3(x, 1.0, z))
    hit = wp.mesh_query_ray(mesh, eye, ray, 20.0)
    if hit.result:
        first = 3 * hit.face
        faces = wp.mesh_get(mesh).indices
        a, b, c = faces[first], faces[first + 1], faces[first + 2]
        u, v, w = hit.u, hit.v, 1.0 - hit.u - hit.v
        normal = wp.normalize(u * normals[a] + v * normals[b] + w * normals[c])
        if wp.dot(normal, ray) > 0.0:
            normal = -normal
        colour = u * colours[a] + v * colours[b] + w * colours[c]
        if first < corners.shape[0]:
            colour = _sample(texture, u * corners[first] + v * corners[first + 1] + w * corners[first + 2])
        lamp = wp.dot(normal, light)
        lit = wp.max(0.0, 0.25 + 0.75 * lamp)
        if lamp > 0.0 and wp.mesh_query_ray_anyhit(mesh, eye + ray * hit.t + normal * 0.004, light, 1.0):
            lit = wp.max(0.25, lit * tone[1])
        sky = 0.8 + 0.2 * normal[2]
        gleam = wp.pow(wp.max(0.0, wp.dot(wp.normalize(light - ray), normal)), 24.0)
        bright = tone[0] * sky + (1.05 - tone[0]) * lit
        image[row, column] = colour * bright + wp.vec3(0.06, 0.06, 0.06) * gleam


@wp.kernel
@no_type_check
def probe(mesh: wp.uint64, eye: wp.vec3, targets: wp.array(dtype=wp.vec3), found: wp.array(dtype=float)) -> None:
    """Measure how far the first surface towards a target is."""
    i = wp.tid()
    hit = wp.mesh_query_ray(mesh, eye, wp.normalize(targets[i] - eye), 20.0)
    found[i] = wp.inf
    if hit.result:
        found[i] = hit.t


@wp.kernel
@no_type_check
def nearest(
    mesh: wp.uint64, size: int, reach: float, face: wp.array(dtype=int), weights: wp.array(dtype=wp.vec3)
) -> None:
    """Find the triangle of a flat mesh at a texel, or -1, and the shares of its corners."""
    i = wp.tid()
    point = wp.vec3((float(i % size) + 0.5) / float(size), (float(i // size) + 0.5) / float(size), 0.0)
    found = wp.mesh_query_point_no_sign(mesh, point, reach)
    face[i] = -1
    if found.result:
        face[i] = found.face
        weights[i] = wp.vec3(found.u, found.v, 1.0 - found.u - found.v)
