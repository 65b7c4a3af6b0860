"""Readers and writers of annotation formats, one module per format.

`folders.read_photos` detects the format of a folder (COCO, Pascal VOC, YOLO, or one subfolder per
fruit) and calls its reader. `open_images` downloads photos, and `vqa` converts questions.
"""
