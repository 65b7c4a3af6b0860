"""Where photos come from. Every source gives the same records: `Photo` and `FruitBox`."""

from fruit_caption.photos.coco import read_coco, write_coco
from fruit_caption.photos.records import FruitBox, Photo, PhotoSet, Split
from fruit_caption.photos.splits import split_of

__all__ = ["FruitBox", "Photo", "PhotoSet", "Split", "read_coco", "split_of", "write_coco"]
