#!/usr/bin/env python3
"""build_terms.py DATA: writes lexicon/medical.tsv and lexicon/sources.tsv.

DATA is the folder that holds open/ (../shared/data). Needs nltk for the stemmer that tells two spellings of one term.
Sources, in the order in which they may name a concept:
  W  tools/lexicon/written.tsv, written by hand          L  the table of src/data/label.c
  S  SLAKE's knowledge graph (pairs of its two halves)   M  the topics of MedQuAD
  P  MeSH headings of PubMedQA                           H, T  entities of Huatuo and Toyhom, by pattern and ending
  C  composed: an adjective or a suffix and a known pair, kept only when the Chinese text has it
"""
import collections, hashlib, json, re, sys
from pathlib import Path
from nltk.stem.porter import PorterStemmer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OPEN = Path(sys.argv[1]) / 'open'
STEM = PorterStemmer(mode='MARTIN_EXTENSIONS')
HAN = '\u4e00-\u9fff'


def rows(path):
    return [json.loads(line) for line in open(OPEN / path, encoding='utf-8')]


def en_key(s):
    words = [w for w in re.split(r"[ '-]+", s.lower()) if w]
    plain = lambda w: len(w) > 3 and re.fullmatch('[a-z]+', w) and not w.endswith('itis')  # as src/text/lexicon.c
    return ' '.join(STEM.stem(w) if plain(w) else w for w in words)


def zh_key(s):
    return s.replace(' ', '').lower()


class Lexicon:
    def __init__(self):
        self.concepts = {}                       # name -> [kind, zh, en, sources]
        self.by = {}                             # key -> name
        self.skipped = collections.Counter()

    def add(self, kind, zh, en, source, name=None):
        """Joins the concept that one of the surfaces has already, or makes one; surfaces of other concepts are left out."""
        zh = [z for z in zh if re.fullmatch(f'[A-Za-z0-9α-ωⅠ-Ⅹ{HAN} ]+', z) and re.search(f'[A-Za-z{HAN}]', z)]
        zh = [z for z in zh if len(z) <= 20 and not re.search('  |^ | $', z)]
        en = [re.sub(' +', ' ', e.strip().lower()) for e in en]
        en = [e for e in en if re.fullmatch(r"[a-z0-9]+(?:[ '-][a-z0-9]+)*", e) and re.search('[a-z]', e) and len(e) <= 80]
        keys = [('z', zh_key(z), z) for z in zh] + [('e', en_key(e), e) for e in en]
        if not keys:
            self.skipped[source] += 1
            return
        old = next((self.by[k[:2]] for k in keys if k[:2] in self.by), None)
        if old and self.concepts[old][0] != kind and source in 'MPHT':
            kind = self.concepts[old][0]
        new = name or (re.sub('[^a-z0-9]+', '_', en[0]) if en else 'zh_' + hashlib.sha1(zh[0].encode()).hexdigest()[:8])
        name = old or new
        if name not in self.concepts:
            self.concepts[name] = [kind, [], [], set()]
        c = self.concepts[name]
        for side, key, surface in keys:
            if (side, key) not in self.by:
                self.by[side, key] = name
                c[1 if side == 'z' else 2].append(surface)
                c[3].add(source)
            elif self.by[side, key] == name:
                c[3].add(source)

    def pair(self, zh):
        """The first English surface of a Chinese term's concept, and its kind."""
        name = self.by.get(('z', zh))
        c = self.concepts.get(name)
        return (c[2][0], c[0]) if c and c[2] else (None, None)


# ---- kinds by ending ------------------------------------------------------------------------------------------------
ZH_KIND = [
    ('drug', '霉素|环素|沙星|西林|洛尔|普利|沙坦|地平|他汀|拉唑|替丁|司琼|咪唑|康唑|硝唑|韦|单抗|替尼|米松|可的松|尼松|尼龙|'
             '奈德|胺碘酮|巴比妥|西泮|卡因|嘧啶|嘌呤|叶酸|磺胺|胶囊|注射液|口服液|颗粒|片剂|疫苗|抗生素|制剂|阻滞剂|抑制剂|激动剂|'
             '拮抗剂|利尿剂|干扰素|胰岛素|球蛋白|肝素|激酶|碱|紫杉醇|铂|氯喹|噻嗪|双胍|列酮|格列.|茶碱|维生素.{0,3}|皮质激素|[^因]素$'),
    ('measurement', '计数|比值|浓度|含量|指数|水平|压力|容积|直径|速率|血压|血糖|肌酐|转氨酶|胆红素|蛋白质?定量'),
    ('other', '检查|造影|镜检|测定|试验|培养|活检|化验|测试|检测|超声|平片|扫描|CT|MRI|X线|B超|治疗|疗法|手术|切除术?|移植术?|成形术|'
              '修补术|吻合术|引流术?|穿刺术?|置换术|固定术|结扎术|术|化疗|放疗|透析|灌洗|灌肠|按摩|针灸|预防|护理|抗体|抗原|病毒|'
              '杆菌|球菌|真菌|细菌|基因|染色体|受体|酶'),
    ('finding', '痛|疼|热|咳嗽?|呕吐|恶心|腹泻|便秘|出血|水肿|肿胀|肿大|积液|积气|积血|渗出|粘连|萎缩|增生|增厚|狭窄|扩张|梗阻|阻塞|'
                '坏死|穿孔|溃疡|结节|肿块|包块|钙化|纤维化|硬化|阴影|困难|障碍|不适|乏力|无力|麻木|麻痹|抽搐|痉挛|震颤|僵硬|畸形|'
                '缺损|缺失|脱垂|移位|破裂|损伤|减退|下降|升高|增高|降低|减少|增多|减轻|异常|紊乱|失调|衰竭|不全|不足|过多|过快|过缓|'
                '过速|充血|淤血|缺血|缺氧|瘙痒|皮疹|红斑|紫绀|苍白|黄染|消瘦|嗜睡|昏迷|晕厥|眩晕|头晕|失眠|多尿|少尿|无尿|血尿|脓尿|'
                '尿频|尿急|便血|黑便|咯血|呕血|盗汗|多汗|寒战|心悸|胸闷|气促|气短|耳鸣|失明|斑块|瘢痕|息肉|反应|刺激征|征|杂音|啰音|'
                '不振|不良|腹胀|肿|大|痒|瘫|萎|疹|斑|汗|渴'),
    ('disease', '症|病|炎|癌|瘤|综合征|综合症|结核|感染|中毒|哮喘|高血压|糖尿病|贫血|休克|骨折|脱位|结石|囊肿|脓肿|血肿|疝|瘘|梗死|'
                '梗塞|栓塞|血栓|心绞痛|肝炎|流产|早产|难产|不孕|肥胖|痛风|中风|卒中|白内障|青光眼|近视|远视|弱视|耳聋|疱疹|湿疹|'
                '荨麻疹|疟疾|痢疾|伤寒|霍乱|麻疹|水痘|天花|狂犬病|破伤风|败血症|裂|聋|疮|癣|疣|痔|癫痫|抑郁症|血症|尿症|妊娠|窒息|'
                '肺气肿|气胸|肺不张|动脉瘤|静脉曲张|骨质疏松|侧弯'),
    ('anatomy', '动脉|静脉|神经|肌|骨|关节|韧带|肌腱|软骨|腺|叶|管|道|膜|囊|窦|孔|瓣|房|室|壁|腔|椎|系统|组织|细胞|器官|淋巴结|脑|髓|'
                '皮肤|血管|纤维|黏膜|角膜|视网膜|结膜|虹膜|肝|肾|脾|肺|胃|肠|心脏|肝脏|肾脏|脾脏|部|区|盆腔|腹腔|胸腔|口腔|鼻腔'),
]
ZH_KIND = [(k, re.compile(f'(?:{p})$')) for k, p in ZH_KIND]
ZH_STRONG = re.compile('(?:综合征|综合症|[^急]性?病|症|炎|癌|瘤|血症|中毒|感染|骨折|结核|囊肿|脓肿|结石)$')
ZH_BAD = re.compile('的|等|引起|导致|由于|因为|患者|病人|患有|多年|已经|以及|其他|其它|各种|多种|什么|哪|何种|怎|吗|呢|是否|可能|如果|和|与|或|及|'
                    '有|无|不能|进行|使用|采用|给予|注意|避免|应|需|可以|建议|包括|存在|出现|发生|表现|之|者|我|你|他|她|们|这|那|'
                    '一[种个名位例次]|两|几|较|很|太|更|加强|保持|预防|定期|禁忌|多[吃喝]|少[吃喝]|患[上了]|造成|伴|时|后$|前$|[了着过]$|史$|'
                    '^[性型期级度后前时等及并在从对为由因被把将使让了着过]|[由因为在对使让从向]$|^(?:如|是|就|都|也|还|再|又)')


def zh_kind(s):
    if ZH_STRONG.search(s):
        return 'disease'
    return next((k for k, p in ZH_KIND if p.search(s)), None)


EN_KIND = [
    ('drug', r'(?:mycin|cillin|floxacin|azole|statin|pril|sartan|olol|dipine|vir|mab|nib|prazole|tidine|cycline|caine|'
             r'vaccines?|inhibitors?|agents|antagonists?|agonists?|hormones?|antibiotics|steroids|vitamins?|insulin|drugs?|antidepressants|'
             r'analgesics|diuretics|contraceptives|acids?|oxide|compounds|phosphate|sulfate|chloride)$'),
    ('measurement', r'(?:index|level|levels|rate|rates|pressure|volume|count|score|scale|density|time|ratio|concentration|size|weight|length)$'),
    ('other', r'(?:surgery|therapy|therapies|treatment|procedures?|ectomy|otomy|ostomy|plasty|scopy|graphy|imaging|test|tests|testing|'
              r'screening|examination|transplantation|transplant|studies|trials?|methods?|techniques?|care|education|services|research|'
              r'program|programs|policy|models?|analysis|assessment|management|prevention|rehabilitation|diagnosis|health|safety)$'),
    ('disease', r'(?:itis|osis|oses|oma|omas|emia|aemia|uria|pathy|pathies|plegia|paresis|syndromes?|diseases?|disorders?|deficiency|dystrophy|'
                r'dysplasia|cancer|carcinoma|neoplasms?|tumors?|leukemia|lymphoma|infections?|failure|fractures?|injuries|injury|anemia|'
                r'atrophy|ataxia|malformation|abnormality|anomal(?:y|ies)|fever|poisoning|hypertension|diabetes|stroke|epilepsy|dementia|'
                r'palsy|paralysis|retardation|disability|disabilities|defects?|obstruction|stenosis|hernia|shock|insufficiency|complications|'
                r'obesity|asthma|migraine|pneumonia|metastasis|hemorrhage|thrombosis|embolism|ischemia|infarction|cysts?|ulcer|allergy|'
                r'disease [0-9a-z]+|type [0-9a-z]+|ism|ias|ia)$'),
    ('finding', r'(?:pain|ache|edema|bleeding|cough|nausea|vomiting|diarrhea|fatigue|swelling|symptoms|signs|necrosis|fibrosis|calcification|'
                r'seizures?|calculi|stones)$'),
    ('anatomy', r'(?:artery|arteries|veins?|nerves?|muscles?|bones?|joint|gland|glands|lobe|cortex|tissue|cells?|membrane|ligaments?|'
                r'cartilage|valve|ventricles|aorta|heart|lung|liver|kidney|brain|spine|skin|blood|organ|head|neck|thorax|abdomen|pelvis|'
                r'eye|ear|nose|mouth|teeth|tooth|tongue|retina|cornea|spleen|pancreas|bladder|uterus|ovary|prostate|breast|colon|rectum)$'),
]
EN_KIND = [(k, re.compile(p)) for k, p in EN_KIND]
EN_SMALL = re.compile(r'(?:of|the|and|in|with|for|to|a|on|by|or)$')


def en_kind(s, default):
    return next((k for k, p in EN_KIND if p.search(s.lower())), default)


# ---- sources ---------------------------------------------------------------------------------------------------------
def written(lex):
    for line in open(HERE / 'written.tsv', encoding='utf-8'):
        f = line.rstrip('\n').split('\t')
        if line.startswith('#') or len(f) < 3:
            continue
        lex.add(f[0], f[1].split('|') if f[1] else [], f[2].split('|') if f[2] else [], 'W', f[3] if len(f) > 3 else None)


def labels(lex):
    kinds = {'ORGAN': 'anatomy', 'REGION': 'anatomy', 'CELL': 'finding', 'ABNORMALITY': 'disease', 'DIAGNOSIS': 'disease',
             'ATTRIBUTE': 'finding', 'MODALITY': 'other', 'PLANE': 'other'}
    text = open(ROOT / 'src/data/label.c', encoding='utf-8').read()
    for code, en, zh, noun, kind in re.findall(r'\{ "(\w+)", "([^"]+)", "([^"]+)", "([^"]+)", (\w+),', text):
        lex.add(kinds[kind], list(dict.fromkeys([zh, noun])), [en.replace('/', ' ')], 'L', code)


def slake(lex):
    kg = rows('slake/kg.jsonl')
    by = lambda kind, lang: [r for r in kg if r['kind'] == kind and r['lang'] == lang]
    zh, en = by('disease', 'zh'), by('disease', 'en')
    heads = list(zip(dict.fromkeys(r['head'] for r in zh), dict.fromkeys(r['head'] for r in en)))
    facts = [collections.defaultdict(list) for _ in range(2)]
    for side, rs in enumerate((zh, en)):
        for r in rs:
            facts[side][r['head'], r['relation']].append(r['tail'])
    split = lambda tails, marks: [x.strip() for t in tails for x in re.split(marks, t) if x.strip()]
    for z, e in heads:
        alias = [split(facts[0][z, '别称'], '[，,、；;]'), split(facts[1][e, 'alias'], '[,;]')]
        lex.add('disease', [z] + alias[0], [e] + alias[1], 'S')
    for z, e in heads:
        for rz, re_, kind in (('主要症状', 'symptom', 'finding'), ('发病部位', 'location', 'anatomy')):
            a, b = split(facts[0][z, rz], '[，,、；;]'), split(facts[1][e, re_], '[,;]')
            if len(a) == len(b):
                for x, y in zip(a, b):
                    if 2 <= len(x) <= 8 and not ZH_BAD.search(x) and len(y.split()) <= 4:
                        lex.add(zh_kind(x) if zh_kind(x) in ('disease', 'finding', 'anatomy') else kind, [x], [y], 'S')
            else:
                for x in a:
                    if 2 <= len(x) <= 8 and not ZH_BAD.search(x) and zh_kind(x):
                        lex.add(zh_kind(x), [x], [], 'S')
    zh, en = by('organ_rel', 'zh'), by('organ_rel', 'en')
    for a, b in zip(zh, en):
        lex.add('anatomy', [a['head']], [b['head']], 'S')
        lex.add('anatomy', [a['tail']], [b['tail']], 'S')


def english_words():
    """How often each word is written in lower case: an abbreviation that is also a word is no surface."""
    seen = collections.Counter()
    for path, keys in (('text_en/medquad.jsonl', ['answer']), ('text_en/roco_captions.jsonl', ['caption'])):
        for r in rows(path):
            for k in keys:
                seen.update(re.findall(r'\b[a-z]+\b', r[k]))
    return seen


def medquad(lex, words):
    sure = ('3_GHR_QA', '2_GARD_QA', '6_NINDS_QA')
    for r in rows('text_en/medquad.jsonl'):
        focus = r['focus'].strip()
        names = [re.sub(r'\s*\([^)]*\)', '', focus)]
        names += [a for a in re.findall(r'\(([A-Z][A-Z0-9-]{2,7})\)', focus) if words[a.lower()] < 3]
        default = 'disease' if r['collection'] in sure else 'other'
        names = [re.sub(r'\s+', ' ', n.replace(',', ' ')) for n in names]
        if len(names[0].split()) <= 8 and not EN_SMALL.search(names[0].lower()):
            lex.add(en_kind(names[0], default), [], names, 'M')


def mesh(lex):
    for r in rows('text_en/pubmedqa.jsonl'):
        for term in r['mesh']:
            parts = term.split(', ')
            name = ' '.join(reversed(parts)) if len(parts) == 2 else term
            if ',' not in name and '/' not in name:
                lex.add(en_kind(parts[0] if len(parts) == 2 else name, 'other'), [], [name], 'P')


def chinese_texts():
    texts = []
    for path, keys, source in (('text_zh/huatuo.jsonl', ('question', 'answer'), 'H'),
                               ('text_zh/toyhom.jsonl', ('title', 'question', 'answer'), 'T')):
        texts += [(source, r[k]) for r in rows(path) for k in keys]
    return texts


def occurrences(wanted, texts):
    """How often each of the wanted strings stands in the texts: one walk, by the first two characters."""
    starts, seen = collections.defaultdict(set), collections.Counter()
    for w in wanted:
        starts[w[:2]].add(w)
    starts = {k: ({len(w) for w in v}, v) for k, v in starts.items()}
    for _, t in texts:
        for i in range(len(t) - 1):
            sizes, words = starts.get(t[i:i + 2], ((), ()))
            for n in sizes:
                if t[i:i + n] in words:
                    seen[t[i:i + n]] += 1
    return seen


def entities(lex, texts):
    """Members of enumerations (between two 、) and what follows 'diagnosed as'; a kind comes from the ending."""
    count, source = collections.Counter(), {}
    item = re.compile(f'[A-Za-z0-9α-ωⅠ-Ⅹ{HAN}]{{2,12}}')
    named = re.compile(f'(?:诊断为|患有|患了|确诊为|罹患|疑似|考虑为|合并|并发)([A-Za-z0-9{HAN}]{{2,12}}?)(?=[，。？、！；,]|的|患者|和|及|或|并)')
    for src, t in texts:
        for part in re.split('[。；;！？!?\n：:，,]', t):
            q = part.split('、')
            for x in q[1:-1] + [re.sub('等.*$', '', q[-1])] * (len(q) > 1):
                if item.fullmatch(x):
                    count[x] += 1
                    source.setdefault(x, src)
        for m in named.finditer(t):
            count[m[1]] += 1
            source.setdefault(m[1], src)
    seen_of = occurrences(count, texts)
    for x, n in sorted(count.items(), key=lambda v: (-v[1], v[0])):
        kind = zh_kind(x)
        if ZH_BAD.search(x) or not re.search(f'[{HAN}]', x) or not kind or len(x) > 10:
            continue
        seen = seen_of[x]
        strong = kind in ('disease', 'drug') and len(x) >= 3
        if seen >= 3 or (strong and seen >= 2) or (n >= 1 and ZH_STRONG.search(x) and len(x) >= 4 and seen >= 1 and len(x) <= 8):
            lex.add(kind, [x], [], source[x])


ADJECTIVES = {'急性': 'acute', '慢性': 'chronic', '先天性': 'congenital', '原发性': 'primary', '继发性': 'secondary', '病毒性': 'viral',
              '细菌性': 'bacterial', '特发性': 'idiopathic', '恶性': 'malignant', '良性': 'benign', '新生儿': 'neonatal',
              '小儿': 'pediatric', '复发性': 'recurrent', '过敏性': 'allergic', '结核性': 'tuberculous', '化脓性': 'suppurative',
              '药物性': 'drug induced', '酒精性': 'alcoholic', '糖尿病性': 'diabetic', '转移性': 'metastatic', '遗传性': 'hereditary',
              '弥漫性': 'diffuse', '多发性': 'multiple', '出血性': 'hemorrhagic', '缺血性': 'ischemic', '真菌性': 'fungal',
              '自身免疫性': 'autoimmune', '感染性': 'infectious', '梗阻性': 'obstructive', '妊娠期': 'gestational', '老年性': 'senile',
              '外伤性': 'traumatic', '创伤性': 'traumatic', '坏死性': 'necrotizing', '萎缩性': 'atrophic', '增生性': 'hyperplastic'}
SUFFIXES = {'癌': ('{} cancer', 'disease'), '肿瘤': ('{} tumor', 'disease'), '囊肿': ('{} cyst', 'disease'),
            '结核': ('{} tuberculosis', 'disease'), '结石': ('{} stone', 'disease'), '损伤': ('{} injury', 'disease'),
            '出血': ('{} hemorrhage', 'finding'), '水肿': ('{} edema', 'finding'), '脓肿': ('{} abscess', 'disease'),
            '息肉': ('{} polyp', 'finding'), '破裂': ('{} rupture', 'disease'), '骨折': ('{} fracture', 'disease'),
            '狭窄': ('{} stenosis', 'finding'), '梗阻': ('{} obstruction', 'finding'), '溃疡': ('{} ulcer', 'disease'),
            '疼痛': ('{} pain', 'finding'), '痛': ('{} pain', 'finding'), '肿大': ('{} enlargement', 'finding'),
            '萎缩': ('{} atrophy', 'finding'), '扩张': ('{} dilatation', 'finding'), '血栓': ('{} thrombosis', 'disease'),
            '转移': ('{} metastasis', 'finding'), '切除术': ('{} resection', 'other'), '移植': ('{} transplantation', 'other'),
            '感染': ('{} infection', 'disease'), '炎': ('{} inflammation', 'disease'), '血管瘤': ('{} hemangioma', 'disease'),
            '畸形': ('{} malformation', 'finding'), '结节': ('{} nodule', 'finding'), '肿块': ('{} mass', 'finding'),
            '造影': ('{} angiography', 'other'), '活检': ('{} biopsy', 'other'), '穿刺': ('{} puncture', 'other')}
SIDES = '肺 肾 眼 耳 膝 肩 髋 肘 踝 手 足 脚 腿 乳腺 乳房 卵巢 肾上腺 腮腺 额叶 顶叶 枕叶 颞叶 心房 心室 侧脑室 肺门 锁骨 肩胛骨 股骨 胫骨 腓骨 肱骨 输尿管 颈动脉 膈肌 上肢 下肢 腹股沟 输卵管 睾丸 下颌骨 上颌骨 肋骨 肋膈角 胸壁 半球'


def composed(lex, texts):
    known = [(z.replace(' ', ''), c[0]) for c in list(lex.concepts.values()) for z in c[1] if c[2]]
    made = []
    for z, kind in known:
        en, _ = lex.pair(zh_key(z))
        if kind in ('disease', 'finding') and len(z) >= 2:
            made += [(kind, adj + z, f'{word} {en}') for adj, word in ADJECTIVES.items()]
        if kind == 'anatomy':
            made += [(k, z + suffix, pattern.format(en)) for suffix, (pattern, k) in SUFFIXES.items() if len(z + suffix) >= 3]
    seen = occurrences({z for _, z, _ in made}, texts)
    for kind, z, en in made:
        if seen[z] and ('z', z) not in lex.by:
            lex.add(kind, [z], [en], 'C')
    for organ in SIDES.split():
        en, _ = lex.pair(organ)
        for side, word in (('左', 'left'), ('右', 'right'), ('双', 'bilateral')):
            if en and not en.startswith(('left', 'right')):
                long = f'{side}侧 {organ}'
                lex.add('anatomy', [side + organ, long], [f'{word} {en}'], 'C')


# A term that is a known one and one of these is two words to the segmenter.
STATES = set('升高 增高 上升 下降 降低 减低 减少 增多 减退 减弱 异常 障碍 检查 治疗 疗法 感染 形成 肿大 增大 出血 骨折 破裂 损伤 增厚 萎缩 疼痛 扩张 '
             '狭窄 转移 移植 造影 穿刺 活检 切除 切除术 水肿 积液 钙化 粘连 坏死 畸形 缺损 阻塞 梗阻 不全 功能 功能不全 功能障碍 测定 培养 试验 '
             '计数 阳性 阴性 肿胀 压痛 息肉 结节 肿块 溃疡 反应 手术 增生 纤维化 硬化 缺血 充血 淤血 受压 移位'.split())
WHOLE = set('功能障碍 淋巴结肿大 肺结节 甲状腺结节 肝硬化 胸腔积液 心包积液 腹腔积液 肝肿大 脾肿大 肝脾肿大 手术治疗 药物治疗 动脉硬化 肾积水 '
            '肺纤维化 肺水肿 脑水肿 脑出血 胃溃疡 十二指肠溃疡 多发性硬化 前列腺增生 子宫内膜增生 白细胞计数 血小板计数 肺肿块 肺浸润 心肌缺血 皮下出血 '
            '肝移植 肾移植 腰椎穿刺 血管造影 心律失常 内分泌失调 肺充血 肺淤血'.split())


def two_words(lex, zh):
    for i in range(2, len(zh) - 1):
        if zh not in WHOLE and zh[i:] in STATES and ('z', zh[:i]) in lex.by:
            return zh[:i] + ' ' + zh[i:]
    if zh[-1] in '影样' and len(zh) > 2 and zh[-3:-1] not in ('密度', '信号') and ('z', zh[:-1]) in lex.by:
        return zh[:-1] + ' ' + zh[-1]
    return zh


def write(lex):
    names = sorted(lex.concepts, key=lambda n: (list(KINDS).index(lex.concepts[n][0]), n))
    out = ['#fabrica-lexicon 1', '# made by tools/lexicon/build_terms.py; do not edit, see lexicon/README.md']
    count, pairs, surfaces = collections.Counter(), 0, collections.Counter()
    for n in names:
        kind, zh, en, src = lex.concepts[n]
        if not zh and not en:
            continue
        zh = [z if ' ' in z else two_words(lex, z) for z in zh]
        out.append('\t'.join([n, kind, '|'.join(zh), '|'.join(en), ''.join(sorted(src))]))
        count[kind] += 1
        pairs += bool(zh and en)
        surfaces['zh'] += len(zh)
        surfaces['en'] += len(en)
    (ROOT / 'lexicon').mkdir(exist_ok=True)
    (ROOT / 'lexicon/medical.tsv').write_text('\n'.join(out) + '\n', encoding='utf-8')
    print(sum(count.values()), 'concepts,', dict(count), dict(surfaces), sum(surfaces.values()), 'terms,', pairs, 'with both languages')


KINDS = ['other', 'disease', 'anatomy', 'finding', 'measurement', 'laterality', 'negation', 'uncertainty', 'drug']


def main():
    lex, texts = Lexicon(), chinese_texts()
    written(lex)
    labels(lex)
    slake(lex)
    composed(lex, texts)
    entities(lex, texts)
    composed(lex, texts)
    words = english_words()
    medquad(lex, words)
    mesh(lex)
    write(lex)


main()
