# card.jq: a card.json (tools/card) as Markdown. What was not measured is "-".
def pct: if type != "number" then "-" else . * 1000 | round / 10 | tostring end;
def r3: if type != "number" then "-" else . * 1000 | round / 1000 | tostring end;
def r2: if type != "number" then "-" else . * 100 | round / 100 | tostring end;
def r1: if type != "number" then "-" else . * 10 | round / 10 | tostring end;
def over($d): if type == "number" then . / $d else null end;
def range(f): if type == "array" and (.[0] | type) == "number" then " (\(.[0] | f)-\(.[1] | f))" else "" end;
def cells: "| " + join(" | ") + " |";
def head: cells, ("|" + (map("---|") | add));
def rows(f): (. // {}) | to_entries[] | select(.value != null) | f;
def how(names): "\n" + ([names as $n | .commands[$n]? // empty | "    \(.)\n"] | add // "");

def score($name): [$name, .n, (.overall | pct) + ((.interval.overall? // .interval) | range(pct)), (.open | pct), (.closed | pct)] | cells;
def view($name; $v): if $v then ($v | score($name)) else empty end;
def vqa($name): if . == null then empty else score($name), (.by_lang | rows(.key as $k | .value | score("\($name), \($k)"))),
    view("\($name), question only"; .question_only), view("\($name), blank image"; .blank_image),
    view("\($name), another's image"; .shuffled_image), view("\($name), mirrored"; .mirrored_image) end;
def part($set; $field): (.[$field] | rows(select(.value.n >= 10) | .key as $k | .value | score("\($set), \($k)")));
def classes($name): if . == null then empty else
    [$name, .n, (.accuracy | pct) + (.interval.accuracy | range(pct)), (.macro_f1 | pct),
     (.per_class | to_entries | map("\(.key) \(.value.auc | r3)\(.value.auc_interval | range(r3))") | join(", "))] | cells end;
def groups($field): .subgroups[$field]? // empty | (.rows | rows(["\($field) \(.key)", .value.n, (.value.accuracy | pct) + (.value.interval | range(pct))] | cells)),
    (.gap // empty | ["gap, \(.best) to \(.worst)", "", "\(.accuracy | pct)\(.interval | range(pct)), p \(.p_holm | r3)"] | cells);
def found($m; $set; $lang; $way; $title): ["\($set | ascii_upcase), \($lang), \($title)"] +
    ([10, 50] | map(tostring as $k | ($m["\($set)_\($lang)_found"]?[$way]? // {}) as $v | ($m["\($set)_\($lang)_twin"]?[$way]? // {}) as $t |
        "\($v.at?[$k].hit | pct)\($v.at?[$k].interval | range(pct)) / \($t.at?[$k].hit | pct) / \($v.at?[$k].random | pct)")) +
    ["\(($m["\($set)_\($lang)_found"]?[$way]? // {}) | .median_rank | r1) of \(($m["\($set)_\($lang)_found"]?[$way]? // {}) | .candidates // "-")"] | cells;
def cost: [recurse(.before; . != null) | .cost] | {steps: (map(.steps // 0) | add), seconds: (map(.seconds // 0) | add)};

.measured as $m | ($m.slake // {}) as $s |
"# \(.name)\n",
"**\(.intended_use // "Research use only. Not for diagnostic use.")** A small bilingual (English, Chinese) vision-language model: what it is, `src/zoo/mini.c`; how it was trained, `recipes/` and `docs/training.md`.\n",
"Trained on: \(.training_data // "-").\(if .started_from then " Its picture trunk started from `\(.started_from)`." else "" end)\n",
"File: \(if .version then "version \(.version), " else "" end)\(.bytes) bytes, SHA-256 `\(.sha256)`.\(if .weights_of then " Its weights are those of `\(.weights_of)`." else "" end) Training: \(cost.steps) steps, \(cost.seconds / 60 | round) minutes on 2 cores shared with other work.\n",
"Every figure is of pictures that no training record is about, but VQA-RAD's, whose held-out questions are about pictures of which other questions trained; behind it its 95 % interval, drawn by picture. Under each table stands the command that gives it; `val/` is what `\(.commands.records // "fabrica data val -o val")` writes. All at once: `tools/card models/\(.name).gguf`. Settings were chosen while looking at these records, so expect a little less elsewhere.\n",

"## Questions (exact match of generated answers, %)\n",
(["records", "n", "overall", "open", "closed"] | head), ($s | select(.n) | vqa("SLAKE")), ($m.vqa_rad | vqa("VQA-RAD")),
"\n*Question only* is a classifier that sees no picture; *blank image* is this model looking at grey, *another's image* at another record's picture, *mirrored* with left and right exchanged. Beyond the blank image SLAKE gains \($s.survives.blank_image.gain | pct)\($s.survives.blank_image.gain_interval | range(pct)) points, VQA-RAD \($m.vqa_rad.survives.blank_image.gain | pct)\($m.vqa_rad.survives.blank_image.gain_interval | range(pct)).",
how("slake", "vqa_rad"),
"### By question, organ and modality (10 questions or more)\n",
(["records", "n", "overall", "open", "closed"] | head), ($s | part("SLAKE"; "by_question_type")), ($m.vqa_rad // {} | part("VQA-RAD"; "by_question_type")),
    ($s | part("SLAKE"; "by_organ")), ($s | part("SLAKE"; "by_modality")),
"\nThe pictures of a row are drawn, so that a row of one or two pictures has an interval that says nothing.\n",

"## Classification\n",
(["records", "n", "accuracy", "macro F1", "AUC, one against the rest"] | head),
($m.isic | classes("ISIC 2017, with age and sex where the record has them")), ($m.isic_alone | classes("the picture alone")), ($m.kermany | classes("Kermany chest X-ray, other patients")),
how("isic", "isic_alone", "kermany"),
"### Subgroups of ISIC\n", (["group", "n", "accuracy"] | head), ($m.isic // {} | groups("sex"), groups("age")),
"\nThe gap is between the best and the worst row of 10 pictures or more, its p the smallest of all pairs after Holm; three classes are told apart, so their shares differ between ages.\n",

"## Calibration and gate\n",
"How far what is said is from what comes true: expected calibration error over 15 bins with its interval. Probabilities that come true show the error *by chance* of so few records; the last column is the share of draws in which it is as large as the measured one.\n",
(["probabilities", "n", "error", "by chance", "as large by chance, %"] | head),
({sureness: "sureness of `ask`, SLAKE", sureness_rad: "sureness of `ask`, VQA-RAD", isic_sure: "classes of ISIC", kermany_sure: "classes of Kermany"} | to_entries[] | . as $e | ($m[.key] // {}) | [$e.value, (.n // "-"), (.ece | r3) + (.interval.ece | range(r3)), (.by_chance.ece | r3), (.by_chance.at_least | pct)] | cells),
"\nTheir curves are fitted to the held-out records as well (`fabrica refit`): two numbers to \(.sureness.n // "-") answers in words, whose error was \(.sureness.ece_before | r3) before and is \(.sureness.ece | r3); a slope and an offset a class to rows with choices, where the likelihood asks for it. Yes-no answers (\(.calibration.n // "-") records): error \(.calibration.ece_before | r3) before and \(.calibration.ece | r3) after temperature \(.calibration.temperature | r2).",
how("sureness", "sureness_rad", "isic_sure", "kermany_sure"),
"The input gate refuses \(.gate.false_refusal_rate | pct) % of held-out pictures of the kinds it knows.\n",

"## Counts of blood cells (BCCD val)\n",
(["cells", "mean", "mean absolute error", "% of the mean", "bias", "exact, %", "error of always saying the median"] | head),
(["wbc", "rbc", "platelet"][] | . as $k | ($m.count // {})[$k] // empty | [$k, (.mean | r2), (.mae | r2) + (.interval.mae | range(r2)), (.relative | pct) + (.interval.relative | range(pct)), (.bias | r2), (.exact | pct), (.constant_mae | r2)] | cells),
"\nBCCD's annotators boxed about half of the red cells that are there (docs/training.md, Counting).",
how("count"),

"## Retrieval (share of queries with a hit among the first k, %: this model / its twin with random weights / chance)\n",
(["records, direction", "k = 10", "k = 50", "median rank"] | head),
(("slake", "isic") as $set | ("en", "zh") as $lang |
    found($m; $set; $lang; "text_to_image"; "text to image"), found($m; $set; $lang; "image_to_text"; "image to text")),
"\nCaptions are made from the records' facts; equal ones are one text with several pictures.",
how("slake_en_found", "slake_en_twin"),

"## Size and speed\n",
(if $m.q8_slake then "As q8_0 (`fabrica quantize`) SLAKE \($m.q8_slake.overall | pct) against \($s.overall | pct) %: a difference of \($m.q8_against.difference | pct)\($m.q8_against.interval | range(pct)) points." else "q8_0: -" end),
how("q8_0", "q8_slake", "q8_against"),
"One core, milliseconds, median of 15: a fresh picture \($m.speed.look_ms | r1), a question about it \($m.speed.question_ms | r1) (at most \($m.speed.question_ms_most | r1)), counting cells \($m.speed.count_ms | r1); opening the file \($m.speed.load_seconds | over(0.001) | r1), memory \($m.speed.peak_bytes | over(1e6) | r1) MB.",
how("speed"),

(if .skills then "## What a report states\n",
    "Area under the ROC curve on held-out pictures; a question not above chance is not asked, one with fewer than 8 pictures of a kind is marked as not validated.\n",
    (["question", "AUC", "present", "absent", ""] | head),
    (.skills[] | ["\(.code)\(if .weakest_choice then " (\(.weakest_choice))" else "" end)", (.auc | r3), .positives, .negatives, .verdict] | cells), "" else empty end),
(if .limits then "## What it cannot do\n", (.limits[] | "- \(.)") else empty end)
