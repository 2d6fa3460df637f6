"""Chinese chess by a language model of games: it answers moves with the likeliest one.

    python examples/from_bert4keras/task_language_model_chinese_chess.py MODEL GAMES

MODEL is an encoder of the BERT kind, to which each letter and digit is a token. GAMES has a game a
line, from the first position on, moves from square to square as "h2e2 h9g7 …": files a to i from
Red's left, ranks 0 to 9 from Red's side. Red's moves come from standard input, one a line; Black's
are printed.

A move is legal here if the piece moves so and nothing is in its way; a general may be left in
check, or facing the other, and who loses it has lost. Upstream has all rules, from the package
cchess, and shows the board. It scores every legal move by running the model over the whole game
with it; here legal moves are the branches of an automaton, and 16 beams search it. Upstream
learns the first eighth of 512 tokens, later a quarter, a half and all; here all are learnt from
the beginning.
"""

import re
import sys
from pathlib import Path

import playmask

EPOCHS = 20
RATE = 1e-5  # of BERT base; 1e-4 of zh-small
START = "rnbakabnr/9/1c5c1/p1p1p1p1p/9/9/P1P1P1P1P/1C5C1/9/RNBAKABNR"
LINES, DIAGONALS = [(1, 0), (-1, 0), (0, 1), (0, -1)], [(1, 1), (1, -1), (-1, 1), (-1, -1)]
STEPS = {  # of each piece, and the square beside it that must be empty, or its own
    "K": [(step, (0, 0)) for step in LINES],
    "A": [(step, (0, 0)) for step in DIAGONALS],
    "B": [((2 * x, 2 * y), (x, y)) for x, y in DIAGONALS],
    "N": [((a + x, b + y), (a, b)) for a, b in LINES for x, y in DIAGONALS if a * x + b * y == 1],
    "P": [(step, (0, 0)) for step in LINES],
}
MAY_STAND = {  # where, by the file, the rank from the own side, and how far that rose
    "K": lambda file, rank, rise: 3 <= file <= 5 and rank <= 2,
    "A": lambda file, rank, rise: 3 <= file <= 5 and rank <= 2,
    "B": lambda file, rank, rise: rank <= 4,
    "N": lambda file, rank, rise: True,
    "P": lambda file, rank, rise: rise == 1 or (rise == 0 and rank >= 5),
}


def after(moves):
    """The pieces by their squares (file, rank), Red's in capitals."""
    rows = re.sub(r"\d", lambda count: "." * int(count[0]), START).split("/")
    board = {(x, 9 - y): row[x] for y, row in enumerate(rows) for x in range(9) if row[x] != "."}
    for x, y, to_x, to_y in moves:
        board["abcdefghi".index(to_x), int(to_y)] = board.pop(("abcdefghi".index(x), int(y)))
    return board


def reached(board, x, y):
    """The squares that a piece reaches, also those that its own side holds."""
    piece = board[x, y]
    kind, up = piece.upper(), 1 if piece.isupper() else -1
    for (dx, dy), (bx, by) in STEPS.get(kind, ()):
        rank = y + dy if up == 1 else 9 - y - dy
        blocked = (bx, by) != (0, 0) and (x + bx, y + by) in board
        if not blocked and MAY_STAND[kind](x + dx, rank, dy * up):
            yield x + dx, y + dy
    for dx, dy in LINES if kind in "RC" else ():
        line = [(x + n * dx, y + n * dy) for n in range(1, 10)]
        pieces = [square for square in line if square in board]
        yield from line[: line.index(pieces[0])] if pieces else line
        yield from pieces[kind == "C" :][:1]  # a cannon takes the second


def legal(board, red):
    """The moves of a side."""
    for x, y in (square for square, piece in board.items() if piece.isupper() == red):
        for to_x, to_y in reached(board, x, y):
            own = (to_x, to_y) in board and board[to_x, to_y].isupper() == red
            if 0 <= to_x <= 8 and 0 <= to_y <= 9 and not own:
                yield f"{'abcdefghi'[x]}{y}{'abcdefghi'[to_x]}{to_y}"


path, games = sys.argv[1:]
lines = Path(games).read_text(encoding="utf-8").splitlines()
model = playmask.load(path, heads="mlm", mask="lm")
symbols = playmask.tokenizers.occurring(model.tokenizer, ["a b c d e f g h i 0 1 2 3 4 5 6 7 8 9"])
task = playmask.LanguageModel.new(playmask.keep_tokens(model, symbols), max_length=512)
texts = [" ".join(line.replace(" ", "")) for line in lines]  # each character is a token
task.fit(texts, epochs=EPOCHS, learning_rate=RATE, batch_size=16)
moves = []
for move in map(str.strip, sys.stdin):
    if move not in legal(after(moves), True):
        print(move, "is no move of Red's here")
        continue
    moves.append(move)
    replies = [" ".join(reply) for reply in legal(after(moves), False)]
    if "k" not in after(moves).values() or not replies:
        break
    branches = [encoding.ids for encoding in task.tokenizer.encode(replies, special=False)]
    tree = playmask.Automaton.prefix_tree(branches, task.tokenizer.sep)
    options = {"max_tokens": 4, "search": playmask.Beams(16), "constrain": tree}
    moves.append(task.predict(" ".join("".join(moves)), **options).replace(" ", ""))
    print(moves[-1])
    if "K" not in after(moves).values():
        break
