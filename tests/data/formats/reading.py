"""Reads folders of annotated photos and sums up what was found."""

from fruit_caption.data.formats.folders import read_photos


def read_apples(folder):
    """Return the number of apples in each photo of a folder, by its path, and the `PhotoSet`."""
    found = read_photos(folder)
    return {
        photo.path.relative_to(folder).as_posix(): photo.count("apple") for photo in found.photos
    }, found
