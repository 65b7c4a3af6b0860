"""Data sets: photos with boxes, questions and answers, and the batches to train on.

Start with `records` (photos and boxes) and `qa` (questions, answers and predictions). `formats`
reads other people's files, `dataset` reads a finished data set, and `batches` feeds it to Keras.
"""
