"""Captions of images: a language model whose norms depend on what an image network sees.

    python examples/from_bert4keras/task_image_caption.py MODEL IMAGE_NETWORK TRAIN TEST

MODEL is an encoder of the BERT kind. IMAGE_NETWORK is a network of keras.applications, as
MobileNetV2 (Keras downloads its weights), a .keras file, or small, which is trained from nothing.
TRAIN and TEST are folders of images with captions.jsonl, which has an object a line: {"image":
"1.png", "captions": ["…", "…"]}. Each image of TEST is printed with the caption that is written and
those that are due.

Upstream reads COCO's annotations and draws one of an image's captions each epoch; here all of them
are learnt each epoch. It fills images up to a square of 299 pixels in white, here they are scaled
to one. Both networks learn, as upstream; its norms depend on 128 numbers that a layer makes of the
image's mean features, here on the mean itself.
"""

import sys

import playmask

EPOCHS = 10
RATE = 1e-5  # of BERT base; 1e-4 of zh-small

model, network, train, test = sys.argv[1:]
task = playmask.ImageCaptioner.new(model, network, max_length=64)
task.fit(train, epochs=EPOCHS, learning_rate=RATE)
images = task.read_references(test)
for example, caption in zip(images, task.answer(images), strict=True):
    print(example.image, caption, *example.captions, sep="\t")
