import numpy as np
from bert4keras.models import build_transformer_model as build
from bert4keras.layers import ConditionalRandomField
from bert4keras.optimizers import *
from bert4keras import snippets as s
import bert4keras.tokenizers
from keras.models import Model

maxlen, batch_size = 256, 16
maxlen = 200
checkpoint_path = "/data/bert/bert_model.ckpt"
words = bert4keras.tokenizers.Tokenizer("vocab.txt", do_lower_case=True)
token_ids, segment_ids = words.encode("今天", maxlen=maxlen)
mapping = words.rematch("今天", words.tokenize("今天"))
bert = build("config.json", checkpoint_path, application="encoder", return_keras_model=False)
model = Model(bert.model.inputs, bert.model.output)
crf = ConditionalRandomField(lr_multiplier=100)
Averaged = extend_with_exponential_moving_average(Adam, name="Averaged")
optimizer = Averaged(1e-4, ema_momentum=0.99)
model.compile(loss=crf.sparse_loss, optimizer=optimizer)


class Data(s.DataGenerator):
    def __iter__(self, random=False):
        self.own = s.sequence_padding([[1]])
        yield self.own


model.fit(Data([], 32).forfit(), epochs=7)
optimizer.apply_ema_weights()
model.save_weights("best_model.weights")
