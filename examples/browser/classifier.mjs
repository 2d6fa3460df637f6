// A task that playmask exported, as a classifier: a folder's tokenizer.json, task.json and model.onnx.

import { InferenceSession, Tensor } from "onnxruntime-web";
import { Tokenizer } from "@huggingface/tokenizers";

async function json(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response.json();
}

export class Classifier {
  /** Load the folder of an exported task of the kind "classify", with one label for each text. */
  static async load(folder) {
    const [tokenizer, task] = await Promise.all(
      ["tokenizer.json", "task.json"].map((name) => json(`${folder}/${name}`)),
    );
    if (task.task !== "classify" || task.settings.multiple || task.settings.pairs) {
      throw new Error(`${folder} holds a task "${task.task}"; this page shows one label of a text.`);
    }
    const session = await InferenceSession.create(`${folder}/model.onnx`);
    return new Classifier(new Tokenizer(tokenizer, {}), task.settings, session);
  }

  constructor(tokenizer, settings, session) {
    Object.assign(this, { tokenizer, settings, session });
  }

  /** The probability of each label: an object of label to number. */
  async probabilities(text) {
    const ids = this.ids(text);
    const shape = [1, ids.length];
    const inputs = {
      tokens: new Tensor("int32", Int32Array.from(ids), shape),
      segments: new Tensor("int32", new Int32Array(ids.length), shape),
      valid: new Tensor("bool", new Uint8Array(ids.length).fill(1), shape),
    };
    // A graph has the inputs that something is computed of: not every model has segments.
    const taken = this.session.inputNames.map((name) => [name, inputs[name]]);
    const { logits } = await this.session.run(Object.fromEntries(taken));
    return Object.fromEntries(
      softmax(logits.data).map((number, i) => [this.settings.labels[i], number]),
    );
  }

  /** A text's tokens; of one that is too long the end is cut, before the token that closes it. */
  ids(text) {
    const { ids } = this.tokenizer.encode(text);
    const most = this.settings.max_length;
    return ids.length > most ? [...ids.slice(0, most - 1), ids.at(-1)] : ids;
  }
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const parts = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = parts.reduce((total, part) => total + part, 0);
  return parts.map((part) => part / sum);
}
