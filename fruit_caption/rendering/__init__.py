"""Renders scenes of fruit that look like photos, with exact boxes.

A scene comes about in these steps, each in a module of its own:

1. `scene_plan` chooses camera, light, background, fruits and distractors, and where they lie.
2. `fruits` and `distractors` describe what can be drawn: an `objects.ObjectModel` makes parts with
   a shape (`sdf`: signed distance functions) and a surface (`textures`).
3. `sprites` draws each object: sphere tracing, shading and its shadow on the ground.
4. `layout` finds positions where objects don't hide each other too much, and derives the boxes.
5. `backdrops` draws the ground, a dish and a wall behind.
6. `camera` lights the ground, paints shadows and objects onto it, and imitates a camera.
7. `scenes` combines these steps and writes JPEG files.
"""
