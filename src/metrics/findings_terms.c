/* The phrases of the labeller. A row: what the phrases are, which one, a side they name, the
 * phrases. Lower case; a blank stands for any run of blanks, hyphens and line ends; an English
 * phrase may be followed by a plural's s or es. The longest phrase that begins at a word wins, and
 * its words are not looked at again. */
#include "metrics/findings_impl.h"

#define L FAB_SIDE_LEFT
#define R FAB_SIDE_RIGHT
#define B FAB_SIDE_BOTH

/* clang-format off */
const char *const fab_observation_names[FAB_OBSERVATIONS] = {
    "no_finding", "enlarged_cardiomediastinum", "cardiomegaly", "lung_opacity", "lung_lesion", "edema", "consolidation",
    "pneumonia", "atelectasis", "pneumothorax", "pleural_effusion", "pleural_other", "fracture", "support_devices",
    "nodule", "mass", "emphysema", "calcification", "granuloma", "fibrosis", "bronchiectasis", "cavity", "lymphadenopathy",
    "hernia", "aortic_disease", "diaphragm_elevation", "spine_degeneration", "spine_curvature", "free_air",
    "brain_hemorrhage", "brain_infarct", "brain_edema", "brain_lesion", "brain_atrophy", "hydrocephalus", "midline_shift",
    "liver_lesion", "kidney_lesion", "cirrhosis", "fatty_liver", "cyst", "stone", "splenomegaly", "hepatomegaly", "ascites",
    "hydronephrosis", "bowel_obstruction",
};

enum {
    NOWHERE, SIDE_ONLY, LUNG, UPPER_LOBE, MIDDLE_LOBE, LOWER_LOBE, LINGULA, UPPER_ZONE, MID_ZONE, LOWER_ZONE, BASE, APEX,
    HILUM, PERIHILAR, RETROCARDIAC, AIRWAY, PLEURA, HEART, MEDIASTINUM, PERICARDIUM, RIB, CLAVICLE, SPINE, STERNUM, SHOULDER,
    BONE, BRAIN, FRONTAL, TEMPORAL, PARIETAL, OCCIPITAL, BASAL_GANGLIA, CEREBELLUM, BRAIN_STEM, VENTRICLE, LIVER, BILIARY,
    SPLEEN, KIDNEY, PANCREAS, BOWEL, ABDOMEN, PELVIS, BREAST, THYROID, ADRENAL, AORTA, SKIN, SOFT_TISSUE, CHEST, STOMACH,
    VESSEL,
};

const place_row fab_place_rows[] = {
    [NOWHERE] = { "", G_NONE }, [SIDE_ONLY] = { "", G_NONE }, [LUNG] = { "lung", G_LUNG },
    [UPPER_LOBE] = { "upper lobe", G_LUNG }, [MIDDLE_LOBE] = { "middle lobe", G_LUNG },
    [LOWER_LOBE] = { "lower lobe", G_LUNG }, [LINGULA] = { "lingula", G_LUNG }, [UPPER_ZONE] = { "upper zone", G_LUNG },
    [MID_ZONE] = { "mid zone", G_LUNG }, [LOWER_ZONE] = { "lower zone", G_LUNG }, [BASE] = { "base", G_LUNG },
    [APEX] = { "apex", G_LUNG }, [HILUM] = { "hilum", G_LUNG }, [PERIHILAR] = { "perihilar", G_LUNG },
    [RETROCARDIAC] = { "retrocardiac", G_LUNG }, [AIRWAY] = { "airway", G_LUNG }, [PLEURA] = { "pleura", G_PLEURA },
    [HEART] = { "heart", G_HEART }, [MEDIASTINUM] = { "mediastinum", G_HEART }, [PERICARDIUM] = { "pericardium", G_PERICARDIUM },
    [RIB] = { "rib", G_OTHER }, [CLAVICLE] = { "clavicle", G_OTHER }, [SPINE] = { "spine", G_OTHER },
    [STERNUM] = { "sternum", G_OTHER }, [SHOULDER] = { "shoulder", G_OTHER }, [BONE] = { "bone", G_OTHER },
    [BRAIN] = { "brain", G_BRAIN }, [FRONTAL] = { "frontal lobe", G_BRAIN }, [TEMPORAL] = { "temporal lobe", G_BRAIN },
    [PARIETAL] = { "parietal lobe", G_BRAIN }, [OCCIPITAL] = { "occipital lobe", G_BRAIN },
    [BASAL_GANGLIA] = { "basal ganglia", G_BRAIN }, [CEREBELLUM] = { "cerebellum", G_BRAIN },
    [BRAIN_STEM] = { "brain stem", G_BRAIN }, [VENTRICLE] = { "brain ventricle", G_BRAIN }, [LIVER] = { "liver", G_LIVER },
    [BILIARY] = { "biliary", G_BELLY }, [SPLEEN] = { "spleen", G_BELLY }, [KIDNEY] = { "kidney", G_KIDNEY },
    [PANCREAS] = { "pancreas", G_BELLY }, [BOWEL] = { "bowel", G_BELLY }, [ABDOMEN] = { "abdomen", G_BELLY },
    [PELVIS] = { "pelvis", G_OTHER }, [BREAST] = { "breast", G_OTHER }, [THYROID] = { "thyroid", G_OTHER },
    [ADRENAL] = { "adrenal", G_OTHER }, [AORTA] = { "aorta", G_HEART }, [SKIN] = { "skin", G_OTHER },
    [SOFT_TISSUE] = { "soft tissue", G_OTHER }, [CHEST] = { "chest", G_CHEST }, [STOMACH] = { "stomach", G_BELLY },
    [VESSEL] = { "vessel", G_OTHER },
};
const int fab_place_rows_n = sizeof fab_place_rows / sizeof *fab_place_rows;

/* A subject and a predicate of one clause are an observation. */
const pair_row fab_pair_rows[] = {
    { S_HEART, V_ENLARGED, FAB_OBS_CARDIOMEGALY, FAB_PRESENT },
    { S_HEART, V_WIDENED, FAB_OBS_CARDIOMEGALY, FAB_PRESENT },
    { S_HEART, V_INCREASED, FAB_OBS_CARDIOMEGALY, FAB_PRESENT },
    { S_HEART, V_NORMAL, FAB_OBS_CARDIOMEGALY, FAB_ABSENT },
    { S_HEART, V_NOT_LARGE, FAB_OBS_CARDIOMEGALY, FAB_ABSENT },
    { S_HEART, V_BORDERLINE, FAB_OBS_CARDIOMEGALY, FAB_UNCERTAIN },
    { S_CARDIOMEDIASTINUM, V_ENLARGED, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_PRESENT },
    { S_CARDIOMEDIASTINUM, V_WIDENED, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_PRESENT },
    { S_CARDIOMEDIASTINUM, V_NORMAL, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_ABSENT },
    { S_CARDIOMEDIASTINUM, V_BORDERLINE, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_UNCERTAIN },
    { S_MEDIASTINUM, V_ENLARGED, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_PRESENT },
    { S_MEDIASTINUM, V_WIDENED, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_PRESENT },
    { S_MEDIASTINUM, V_NORMAL, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_ABSENT },
    { S_MEDIASTINUM, V_NOT_LARGE, FAB_OBS_ENLARGED_CARDIOMEDIASTINUM, FAB_ABSENT },
    { S_LUNGS, V_CLEAR, FAB_OBS_LUNG_OPACITY, FAB_ABSENT },
    { S_LUNGS, V_NORMAL, FAB_OBS_LUNG_OPACITY, FAB_ABSENT },
    { S_LUNGS, V_ABNORMAL, FAB_OBS_LUNG_OPACITY, FAB_PRESENT },
    { S_MARKINGS, V_CLEAR, FAB_OBS_LUNG_OPACITY, FAB_ABSENT },
    { S_MARKINGS, V_NORMAL, FAB_OBS_LUNG_OPACITY, FAB_ABSENT },
    { S_MARKINGS, V_INCREASED, FAB_OBS_LUNG_OPACITY, FAB_PRESENT },
    { S_MARKINGS, V_THICK, FAB_OBS_LUNG_OPACITY, FAB_PRESENT },
    { S_VESSELS, V_NORMAL, FAB_OBS_EDEMA, FAB_ABSENT },
    { S_VESSELS, V_CLEAR, FAB_OBS_EDEMA, FAB_ABSENT },
    { S_VESSELS, V_INCREASED, FAB_OBS_EDEMA, FAB_PRESENT },
    { S_VESSELS, V_ENLARGED, FAB_OBS_EDEMA, FAB_PRESENT },
    { S_DIAPHRAGM, V_ELEVATED, FAB_OBS_DIAPHRAGM_ELEVATION, FAB_PRESENT },
    { S_AORTA, V_TORTUOUS, FAB_OBS_AORTIC_DISEASE, FAB_PRESENT },
    { S_AORTA, V_ENLARGED, FAB_OBS_AORTIC_DISEASE, FAB_PRESENT },
    { S_AORTA, V_WIDENED, FAB_OBS_AORTIC_DISEASE, FAB_PRESENT },
    { S_AORTA, V_NORMAL, FAB_OBS_AORTIC_DISEASE, FAB_ABSENT },
    { S_ANGLE, V_BLUNTED, FAB_OBS_PLEURAL_EFFUSION, FAB_UNCERTAIN },
    { S_ANGLE, V_GONE, FAB_OBS_PLEURAL_EFFUSION, FAB_UNCERTAIN },
    { S_ANGLE, V_SHARP, FAB_OBS_PLEURAL_EFFUSION, FAB_ABSENT },
    { S_ANGLE, V_CLEAR, FAB_OBS_PLEURAL_EFFUSION, FAB_ABSENT },
    { S_ANGLE, V_NORMAL, FAB_OBS_PLEURAL_EFFUSION, FAB_ABSENT },
    { S_PLEURA, V_THICK, FAB_OBS_PLEURAL_OTHER, FAB_PRESENT },
    { S_NODES, V_ENLARGED, FAB_OBS_LYMPHADENOPATHY, FAB_PRESENT },
    { S_NODES, V_NORMAL, FAB_OBS_LYMPHADENOPATHY, FAB_ABSENT },
    { S_NODES, V_NOT_LARGE, FAB_OBS_LYMPHADENOPATHY, FAB_ABSENT },
    { S_VENTRICLES, V_ENLARGED, FAB_OBS_HYDROCEPHALUS, FAB_PRESENT },
    { S_VENTRICLES, V_NORMAL, FAB_OBS_HYDROCEPHALUS, FAB_ABSENT },
    { S_VENTRICLES, V_NOT_LARGE, FAB_OBS_HYDROCEPHALUS, FAB_ABSENT },
    { S_MIDLINE, V_SHIFTED, FAB_OBS_MIDLINE_SHIFT, FAB_PRESENT },
    { S_LIVER, V_ENLARGED, FAB_OBS_HEPATOMEGALY, FAB_PRESENT },
    { S_LIVER, V_NORMAL, FAB_OBS_HEPATOMEGALY, FAB_ABSENT },
    { S_LIVER, V_NOT_LARGE, FAB_OBS_HEPATOMEGALY, FAB_ABSENT },
    { S_SPLEEN, V_ENLARGED, FAB_OBS_SPLENOMEGALY, FAB_PRESENT },
    { S_SPLEEN, V_NORMAL, FAB_OBS_SPLENOMEGALY, FAB_ABSENT },
    { S_SPLEEN, V_NOT_LARGE, FAB_OBS_SPLENOMEGALY, FAB_ABSENT },
    { S_CHEST, V_NORMAL, FAB_OBS_NO_FINDING, FAB_PRESENT },
    { S_CHEST, V_CLEAR, FAB_OBS_NO_FINDING, FAB_PRESENT },
    { S_CHEST, V_ABNORMAL, O_ABNORMAL, FAB_PRESENT },
    { S_HEAD, V_NORMAL, FAB_OBS_NO_FINDING, FAB_PRESENT },
    { S_HEAD, V_ABNORMAL, O_ABNORMAL, FAB_PRESENT },
};
const int fab_pair_rows_n = sizeof fab_pair_rows / sizeof *fab_pair_rows;

#define F(observation, phrases) { P_FINDING, FAB_OBS_##observation, 0, phrases }
#define AT(place, side, phrases) { P_PLACE, place, side, phrases }
#define IS(kind, phrases) { P_##kind, 0, 0, phrases }
#define SUBJ(which, phrases) { P_SUBJECT, S_##which, 0, phrases }
#define PRED(which, phrases) { P_PREDICATE, V_##which, 0, phrases }

const phrase_row fab_phrase_rows[] = {
    /* ---- observations ---- */
    F(CARDIOMEGALY, "cardiomegaly|cardiac enlargement|heart enlargement|enlargement of the heart|enlargement of heart|"
      "enlargement of the cardiac silhouette|prominence of the cardiac silhouette|心脏增大|心脏扩大|心脏肥大|心影扩大|"
      "心胸比增大|心胸比例增大|心增大|全心增大|左心增大|右心增大|左室增大|右室增大|左心室增大|普大心"),
    F(ENLARGED_CARDIOMEDIASTINUM, "mediastinal widening|widening of the mediastinum|widened mediastinum|wide mediastinum|"
      "mediastinal enlargement|mediastinal mass|纵隔肿块|纵隔占位|纵膈增宽"),
    F(LUNG_OPACITY, "opacity|opacities|opacification|opacified|density|densities|haziness|airspace disease|air space disease|"
      "airspace process|air space process|infiltrate|infiltration|infiltrates|airspace opacity|airspace opacities|"
      "ground glass opacity|ground glass opacities|ground glass|ggo|reticulonodular opacities|interstitial opacities|"
      "prominence of the pulmonary interstitium|prominence of the interstitium|interstitial prominence|"
      "increased interstitial markings|prominent interstitial markings|increased lung markings|"
      "airspace consolidation or opacity|parenchymal opacity|lung parenchymal abnormality|"
      "斑片影|斑片状影|片状影|片状高密度影|斑片状高密度影|片絮影|絮状影|斑片状密度增高影|片状密度增高影|密度增高影|高密度影|模糊影|"
      "磨玻璃影|磨玻璃样影|磨玻璃密度影|磨玻璃样密度影|渗出|渗出影|渗出性病变|渗出灶|浸润|浸润影|浸润性病变|异常密度影|异常密度|"
      "实质性病变|实质病变|肺实质病变|大片影|网状影|网格影|斑点影|斑点状影|阴影|片影|白肺"),
    F(LUNG_LESION, "lung cancer|lung carcinoma|bronchogenic carcinoma|pulmonary neoplasm|lung tumor|lung tumour|lung neoplasm|"
      "pulmonary metastases|pulmonary metastasis|pulmonary metastatic disease|lung metastases|lung lesion|pulmonary lesion|"
      "肺癌|肺腺癌|肺鳞癌|肺部肿瘤|肺肿瘤|肺占位|肺转移|肺转移瘤|肺内转移|肺内转移瘤|肺部占位|中央型肺癌|周围型肺癌"),
    { P_FINDING, O_LESION, 0, "malignancy|malignant lesion|neoplasm|tumor|tumour|metastasis|metastases|metastatic disease|"
      "space occupying lesion|hypodense lesion|enhancing lesion|lesion|carcinoma|占位|占位性病变|占位病变|肿瘤|转移瘤|转移灶|"
      "恶性肿瘤|癌" },
    F(EDEMA, "pulmonary edema|pulmonary oedema|interstitial edema|alveolar edema|edema of the lungs|vascular congestion|"
      "pulmonary congestion|pulmonary vascular congestion|congestive heart failure|heart failure|cardiac failure|chf|"
      "cardiac decompensation|volume overload|fluid overload|failure|vascular fullness|perihilar vascular fullness|"
      "vascular engorgement|pulmonary venous hypertension|cephalization|congestion|肺水肿|间质性肺水肿|肺泡性肺水肿|肺淤血|肺瘀血|"
      "淤血|瘀血|肺充血|心衰|心力衰竭"),
    { P_FINDING, O_EDEMA, 0, "edema|oedema|vasogenic edema|水肿" },
    F(CONSOLIDATION, "consolidation|consolidations|consolidative opacity|consolidative opacities|airspace consolidation|"
      "air space consolidation|focal consolidation|areas of consolidation|consolidated|实变|肺实变|实变影|大叶性实变"),
    F(PNEUMONIA, "pneumonia|bronchopneumonia|pneumonic infiltrate|pneumonic process|pneumonitis|infectious process|infection|"
      "aspiration pneumonia|covid 19|肺炎|支气管肺炎|大叶性肺炎|间质性肺炎|细菌性肺炎|病毒性肺炎|吸入性肺炎|肺部感染|感染|炎症|炎性病变|"
      "感染性病变|肺部炎症|炎性改变|炎性病灶"),
    F(ATELECTASIS, "atelectasis|atelectases|atelectatic change|atelectatic|volume loss|collapse|lobar collapse|lung collapse|"
      "collapsed lung|subsegmental atelectasis|discoid atelectasis|plate like atelectasis|"
      "肺不张|膨胀不全|肺膨胀不全|肺组织膨胀不全|不张|肺组织不张|节段性不张|压迫性肺不张|盘状肺不张|肺段不张"),
    F(PNEUMOTHORAX, "pneumothorax|pneumothoraces|ptx|气胸|张力性气胸|胸腔积气"),
    F(PLEURAL_EFFUSION, "pleural effusion|pleural fluid|hydrothorax|hemothorax|haemothorax|pleural collection|胸腔积液|胸水|"
      "胸膜腔积液|胸腔内积液|血胸|脓胸|叶间积液|包裹性胸腔积液|胸腔少量积液|胸腔大量积液|胸腔中量积液|胸腔中等量积液|胸腔少许积液|"
      "肋膈角积液"),
    { P_FINDING, O_FLUID, 0, "effusion|fluid collection|free fluid|积液|包裹性积液|积液影|积水|液体密度影" },
    F(PLEURAL_OTHER, "pleural thickening|pleural plaque|pleural scarring|pleural scar|fibrothorax|pleural calcification|"
      "pleural abnormality|pleural disease|apical capping|pleural based|胸膜增厚|胸膜肥厚|胸膜粘连|胸膜钙化|胸膜斑|胸膜病变|"
      "胸膜增厚粘连|胸膜肥厚粘连"),
    F(FRACTURE, "fracture|fractures|fractured|compression deformity|compression deformities|wedge deformity|骨折|骨折线|"
      "压缩性骨折|陈旧性骨折|骨折征象|骨折征"),
    F(SUPPORT_DEVICES, "pacemaker|pacer|pacemaker lead|defibrillator|aicd|icd|endotracheal tube|et tube|ett|tracheostomy|"
      "tracheostomy tube|nasogastric tube|ng tube|enteric tube|feeding tube|dobbhoff tube|chest tube|pigtail catheter|drain|"
      "pleural drain|pleural catheter|picc|picc line|central line|central venous catheter|central venous line|catheter|"
      "port a cath|portacath|port|mediport|swan ganz catheter|line|tube|lines or tubes|lines and tubes|sternal wire|"
      "sternotomy wire|sternotomy|median sternotomy|wires|stent|surgical clip|clips|prosthetic valve|valve replacement|"
      "prosthesis|spinal hardware|hardware|fixation device|spinal fusion|orthopedic hardware|balloon pump|device|lead|leads|"
      "support device|internal jugular catheter|"
      "起搏器|心脏起搏器|起搏器影|导管|导管影|导线|置管|中心静脉置管|气管插管|气管导管|胃管|鼻胃管|引流管|胸腔引流管|胸腔闭式引流管|"
      "引流管影|支架|支架影|金属内固定|金属内固定影|内固定|内固定影|金属缝线|瓣膜置换术后|人工瓣膜|插管|静脉导管|深静脉导管|"
      "输液港|除颤器|金属影"),
    F(NODULE, "nodule|nodular opacity|nodular opacities|nodular density|nodular densities|pulmonary nodule|lung nodule|"
      "nodular lesion|结节|结节影|结节灶|小结节|肺结节|磨玻璃结节|结节状影|微小结节|实性结节|粟粒样结节|粟粒状结节"),
    F(MASS, "mass|masses|mass lesion|lung mass|pulmonary mass|肿块|肿块影|团块影|包块|团块状影|软组织肿块|软组织肿块影"),
    F(EMPHYSEMA, "emphysema|emphysematous change|emphysematous|hyperinflation|hyperinflated|hyperexpanded|hyperexpansion|"
      "copd|chronic obstructive pulmonary disease|obstructive lung disease|bullae|bulla|bullous disease|hyperlucent|"
      "bullous emphysema|air trapping|肺气肿|肺大泡|肺大疱|肺气肿改变|慢阻肺|透亮度增高|透亮度增加|透光度增强|过度充气"),
    F(CALCIFICATION, "calcification|calcified|calcific|calcified node|calcified lymph node|calcified mediastinal lymph node|"
      "calcified hilar lymph node|calcified hilar node|钙化|钙化灶|钙化影|钙化斑"),
    F(GRANULOMA, "granuloma|granulomata|granulomatous infection|calcified granuloma|calcified granulomata|granulomatous disease|calcified nodule|"
      "granulomatous change|肉芽肿|钙化结节"),
    F(FIBROSIS, "fibrosis|fibrotic change|fibrotic|scarring|scar|scars|interstitial lung disease|honeycombing|cicatrix|"
      "chronic interstitial change|fibronodular scarring|interstitial fibrosis|纤维化|纤维条索|纤维条索影|条索影|条索状影|纤维灶|纤维索条|"
      "纤维索条影|索条影|间质性改变|间质性病变|间质纤维化|蜂窝影|蜂窝肺|瘢痕|陈旧性病变|陈旧性病灶|陈旧灶|纤维增殖灶"),
    F(BRONCHIECTASIS, "bronchiectasis|bronchiectatic change|支气管扩张|支扩|牵拉性支气管扩张"),
    F(CAVITY, "cavity|cavities|cavitation|cavitary lesion|cavitary|cavitating|空洞|空洞形成|空洞影"),
    F(LYMPHADENOPATHY, "lymphadenopathy|adenopathy|enlarged lymph node|enlarged node|lymph node enlargement|"
      "淋巴结肿大|肿大淋巴结|淋巴结增大|增大淋巴结"),
    F(HERNIA, "hernia|hiatal hernia|hiatus hernia|膈疝|食管裂孔疝|裂孔疝|疝"),
    F(AORTIC_DISEASE, "aortic ectasia|aortic tortuosity|tortuosity of the aorta|tortuosity of the thoracic aorta|"
      "ectasia of the aorta|aortic aneurysm|aneurysm of the aorta|aortic dissection|atherosclerosis|atherosclerotic|"
      "atherosclerotic disease|aortic atherosclerosis|atherosclerotic change|ectatic aorta|"
      "主动脉硬化|主动脉粥样硬化|主动脉瘤|主动脉夹层|主动脉增宽|主动脉迂曲|主动脉型心|主动脉结增宽|主动脉结突出"),
    F(DIAPHRAGM_ELEVATION, "eventration|diaphragmatic eventration|diaphragmatic elevation|膈膨升|膈肌膨升|膈肌抬高|膈面抬高"),
    F(SPINE_DEGENERATION, "degenerative change|degenerative disease|degenerative disc disease|degenerative disk disease|"
      "spondylosis|osteophyte|osteophytes|osteophytosis|degenerative joint disease|degenerative spurring|arthritic change|"
      "arthritis|osteoarthritis|osteophytic change|退行性变|退行性改变|退变|骨质增生|骨赘|骨刺"),
    F(SPINE_CURVATURE, "scoliosis|kyphosis|dextroscoliosis|levoscoliosis|kyphoscoliosis|脊柱侧弯|侧弯|脊柱后凸|后凸畸形|驼背|"
      "脊柱侧凸"),
    F(FREE_AIR, "free air|free intraperitoneal air|pneumoperitoneum|free subdiaphragmatic air|intraperitoneal free air|"
      "游离气体|膈下游离气体|气腹|气腹征|腹腔游离气体"),
    F(BRAIN_HEMORRHAGE, "intracranial hemorrhage|intracranial haemorrhage|subdural hematoma|subdural haematoma|"
      "subdural hemorrhage|epidural hematoma|subarachnoid hemorrhage|intraparenchymal hemorrhage|cerebral hemorrhage|"
      "intracerebral hemorrhage|brain hemorrhage|intraventricular hemorrhage|脑出血|颅内出血|硬膜下血肿|硬膜外血肿|蛛网膜下腔出血|"
      "蛛网膜下隙出血|脑内血肿|颅内血肿|脑室出血|出血灶"),
    { P_FINDING, O_HEMORRHAGE, 0, "hemorrhage|haemorrhage|hematoma|bleed|血肿|出血" },
    F(BRAIN_INFARCT, "cerebral infarct|cerebral infarction|lacunar infarct|lacune|brain infarct|ischemic stroke|"
      "small vessel ischemic change|small vessel disease|ischemic change|脑梗死|脑梗塞|脑梗|腔隙性脑梗死|腔隙性梗死|腔隙灶|腔梗|"
      "脑缺血|缺血灶|梗死灶"),
    { P_FINDING, O_INFARCT, 0, "infarct|infarction|ischemia|梗死|梗塞" },
    F(BRAIN_EDEMA, "cerebral edema|brain edema|brain swelling|脑水肿|脑组织水肿|脑肿胀"),
    F(BRAIN_LESION, "glioma|glioblastoma|meningioma|brain tumor|brain tumour|brain metastases|brain metastasis|intracranial mass|"
      "脑肿瘤|脑瘤|胶质瘤|脑膜瘤|脑转移瘤|脑转移|颅内占位|脑占位|脑膜瘤样病变"),
    F(BRAIN_ATROPHY, "cerebral atrophy|brain atrophy|cortical atrophy|cerebral volume loss|脑萎缩"),
    F(HYDROCEPHALUS, "hydrocephalus|ventriculomegaly|脑积水"),
    F(MIDLINE_SHIFT, "midline shift|shift of the midline|中线移位|中线偏移|中线结构移位|中线结构偏移"),
    F(LIVER_LESION, "hepatocellular carcinoma|hcc|liver cancer|hepatic metastases|hepatic metastasis|liver metastases|"
      "liver metastasis|hepatic lesion|liver lesion|liver tumor|hemangioma|肝癌|肝细胞癌|肝占位|肝转移瘤|肝转移|肝血管瘤|肝脏占位"),
    F(KIDNEY_LESION, "renal cell carcinoma|renal mass|renal tumor|kidney cancer|renal lesion|肾癌|肾占位|肾肿瘤|肾细胞癌"),
    F(CIRRHOSIS, "cirrhosis|cirrhotic|cirrhotic change|肝硬化"),
    F(FATTY_LIVER, "fatty liver|hepatic steatosis|steatosis|fatty infiltration|fatty infiltration of the liver|脂肪肝|脂肪浸润"),
    F(CYST, "cyst|cystic lesion|囊肿|囊性灶|囊性病变"),
    F(STONE, "gallstone|cholelithiasis|calculus|calculi|stone|nephrolithiasis|renal calculi|renal calculus|kidney stone|"
      "urolithiasis|结石"),
    F(SPLENOMEGALY, "splenomegaly|splenic enlargement|脾大|脾肿大|脾脏增大|脾脏肿大|脾脏稍大|脾稍大|巨脾"),
    F(HEPATOMEGALY, "hepatomegaly|liver enlargement|肝大|肝肿大|肝脏肿大"),
    F(ASCITES, "ascites|peritoneal fluid|腹水|腹腔积液"),
    F(HYDRONEPHROSIS, "hydronephrosis|pelvicaliectasis|肾积水|肾盂积水|肾盂扩张|肾盂肾盏扩张"),
    F(BOWEL_OBSTRUCTION, "bowel obstruction|small bowel obstruction|ileus|intestinal obstruction|肠梗阻"),
    { P_FINDING, O_ABNORMAL, 0, "acute cardiopulmonary abnormality|acute cardiopulmonary abnormalities|"
      "acute cardiopulmonary process|acute cardiopulmonary disease|acute cardiopulmonary finding|acute cardiopulmonary pathology|"
      "active cardiopulmonary disease|acute cardiac or pulmonary process|acute pulmonary disease|acute pulmonary process|"
      "acute pulmonary abnormality|acute pulmonary findings|acute disease|active disease|acute process|acute findings|"
      "acute abnormality|acute abnormalities|acute intrathoracic process|acute intrathoracic abnormality|active process|"
      "cardiopulmonary abnormality|cardiopulmonary disease|acute intracranial abnormality|acute intracranial process|"
      "acute intracranial pathology|acute chest abnormality|acute radiographic cardiopulmonary process|acute lung disease|"
      "active pulmonary disease|acute infiltrate or disease|acute cardiopulmonary abnormality identified|"
      "acute cardiopulmonary abnormalities identified|acute preoperative findings|active lung disease" },
    F(NO_FINDING, "normal chest|normal chest radiograph|normal chest x ray|normal study|normal examination|normal exam|"
      "negative chest|unremarkable chest|unremarkable examination|negative exam"),
    { P_FINDING, O_HYDROPNEUMOTHORAX, 0, "hydropneumothorax|hydro pneumothorax|液气胸|hemopneumothorax|血气胸" },

    { P_FINDING, O_OTHER, 0, "tuberculosis|pericardial effusion|joint effusion|soft tissue edema|pericardial fluid|"
      "soft tissue swelling|cholecystitis|pulmonary embolism|dislocation|aspiration|sarcoidosis|pneumomediastinum|"
      "subcutaneous emphysema|结核|肺结核|心包积液|盆腔积液|盆腔少量积液|关节积液|软组织肿胀|肺栓塞|脱位|胆管扩张|胆囊炎|肺挫伤|皮下气肿" },

    /* ---- swallowed ---- */
    IS(IGNORE, "bone density|bone mineral density|density of bone|骨密度|mass effect|midline trachea|"
      "trachea is midline|line drawing|respiratory failure|renal failure|heart border|cardiac border|left ventricle|"
      "right ventricle|right atrium|left atrium|left heart|right heart|left ventricular|right ventricular|右心房|右心室|"
      "mitral valve|aortic valve|left without|right now|肾上腺|左侧肾上腺|右侧肾上腺|"
      "left mastectomy|right mastectomy|左侧乳腺|右侧乳腺|双侧乳腺|left breast|right breast|baseline|midline|lung lines|b lines|kerley b lines|kerley lines|"
      "soft tissue density|water density|mass like|外伤史|结节性甲状腺肿|大小|居中|感染科|出血热"),

    /* ---- subjects and predicates ---- */
    SUBJ(HEART, "heart|heart size|cardiac silhouette|cardiac size|cardiac contour|cardiac|cardiac shadow|heart contour|"
      "size of the heart|cardiac silhouette size|heart silhouette|cardiothoracic ratio|心影|心脏|心脏大小|心影大小|心脏影|"
      "心脏形态|心影形态|心胸比|心胸比例|心"),
    SUBJ(MEDIASTINUM, "mediastinum|mediastinal contour|mediastinal silhouette|mediastinal|mediastinal structures|纵隔|纵膈|"
      "纵隔影|上纵隔|纵隔形态"),
    SUBJ(CARDIOMEDIASTINUM, "cardiomediastinal silhouette|cardiomediastinal contour|cardiomediastinal|cardiomediastinum|"
      "cardiomediastinal structures|心影及纵隔|心影纵隔|纵隔心影|heart and mediastinum|心脏及纵隔|"
      "cardiomediastinal silhouette and pulmonary vasculature"),
    SUBJ(LUNGS, "lung field|lung parenchyma|lung zone|肺野|肺实质|两肺野|lung"),
    SUBJ(MARKINGS, "lung markings|interstitial markings|bronchovascular markings|interstitium|pulmonary interstitium|"
      "interstitial lung markings|肺纹理|纹理|肺血管纹理"),
    SUBJ(VESSELS, "pulmonary vasculature|vasculature|pulmonary vascularity|vascularity|pulmonary vascular|pulmonary vessels|"
      "pulmonary vascular markings|vascular markings|肺血管|肺血"),
    SUBJ(DIAPHRAGM, "diaphragm|hemidiaphragm|hemi diaphragm|膈肌|膈面|膈|横膈"),
    SUBJ(AORTA, "aorta|thoracic aorta|aortic arch|aortic knob|aortic|主动脉|主动脉结|主动脉弓|胸主动脉"),
    SUBJ(ANGLE, "costophrenic angle|costophrenic sulcus|costophrenic sulci|cp angle|costophrenic|肋膈角|肋膈窦"),
    SUBJ(PLEURA, "pleura|胸膜"),
    SUBJ(NODES, "lymph node|淋巴结|肺门影|肺门"),
    SUBJ(VENTRICLES, "ventricle|ventricular system|脑室|脑室系统|侧脑室|第三脑室"),
    SUBJ(MIDLINE, "中线|中线结构|midline structures"),
    SUBJ(LIVER, "liver|肝脏|肝"),
    SUBJ(SPLEEN, "spleen|脾脏|脾"),
    SUBJ(CHEST, "chest|chest radiograph|chest x ray|chest film|cardiopulmonary|心肺膈|心肺|胸部平片|胸片|胸部|心、肺、膈|心膈肺|"
      "两肺心膈|心肺隔|chest x xxxx"),
    SUBJ(HEAD, "颅脑|脑内|脑实质|颅脑ct平扫|颅内|头颅"),
    PRED(ENLARGED, "enlarged|enlargement of|increased in size|prominent|dilated|dilatation|dilation|enlarging|"
      "enlargement|prominence of|增大|扩大|扩张|肿大|稍大|略大|轻度增大|明显增大|增大明显|偏大|大"),
    PRED(NOT_LARGE, "不大|不宽|无增大|未增大"),
    PRED(NORMAL, "normal|within normal limits|unremarkable|normal in size|normal size|normal limits|not remarkable|"
      "normal in appearance|normal in size and contour|stable and normal|正常|未见异常|未见明显异常|无异常|无特殊|未见确切异常|"
      "未见明确异常|wnl|大小形态正常|大小、形态正常|形态正常|is stable within normal limits"),
    PRED(BORDERLINE, "upper limits of normal|upper limit of normal|borderline|borderline enlarged|top normal|top normal in size|"
      "borderline in size|upper normal|饱满|正常上限|临界"),
    PRED(CLEAR, "clear|clear bilaterally|清晰|清楚|清|clear and expanded|aerated|"
      "透亮度正常|透光度正常"),
    PRED(WIDENED, "widened|wide|widening|增宽|加宽"),
    PRED(ELEVATED, "elevated|elevation|elevation of|raised|抬高|升高|上抬"),
    PRED(TORTUOUS, "tortuous|ectatic|unfolded|uncoiled|aneurysmal|迂曲|纡曲|硬化|迂曲增宽"),
    PRED(BLUNTED, "blunted|blunting|blunting of|obscured|effaced|变钝|变浅|模糊|显示不清|不清|闭塞|圆钝"),
    PRED(GONE, "消失"),
    PRED(SHARP, "sharp|锐利|尖锐|存在|光整|锐"),
    PRED(THICK, "thickened|thickening|thickening of|增厚|增粗|肥厚"),
    PRED(SHIFTED, "shifted|移位|右移|左移|偏移|向左移位|向右移位"),
    PRED(INCREASED, "increased|congested|engorged|indistinct|prominent and indistinct|accentuated|增多|增加|增强|紊乱|增多、增粗|"
      "增多增粗|增粗、增多|增多紊乱|增多、紊乱"),
    PRED(ABNORMAL, "异常|明显异常|其他异常|异常改变|异常征象|明显异常征象|病变|明显病变|器质性病变"),

    /* ---- negation ---- */
    IS(NEG, "no|not|without|no evidence of|no evidence for|without evidence of|no definite|no definite evidence of|no sign of|"
      "no signs of|no radiographic evidence of|no convincing|no convincing evidence of|neither|nor|negative for|free of|clear of|"
      "absence of|lack of|absent|denies|denied|rather than|instead of|resolved|resolution of|interval resolution of|"
      "complete resolution of|clearing of|interval clearing of|no longer has|no longer shows|fails to show|"
      "fails to reveal|ruled out for|rules out|excludes|devoid of|never|no obvious|no visible|lungs free of|"
      "no findings to suggest|no findings of|no residual|no evident|no appreciable|no discernible|no evidence to suggest|"
      "did not show|does not show|do not show|not showing|"
      "未见|未见明显|未见明确|未见确切|无|无明显|没有|未发现|未显示|不见|否认|未示|未提示|不支持|暂不考虑|不考虑|已排除|可排除|可除外|"
      "未闻|未见新发|未见确定|未见典型|不是|不符合|未出现|未探及|未及|未检出|已除外|未见其他|未见其它|现未见|均未见|亦未见|也未见|并未见|"
      "未再见|不存在|不伴|未伴|非|未"),
    IS(NEG_POST, "not seen|not visualized|not visualised|not identified|not present|not demonstrated|not appreciated|not noted|"
      "not evident|not detected|not visible|not apparent|not found|not observed|no longer seen|no longer visible|"
      "no longer visualized|no longer present|no longer identified|no longer evident|no longer appreciated|ruled out|"
      "was ruled out|is ruled out|been ruled out|excluded|is excluded|can be excluded|been excluded|absent|are absent|is absent|"
      "has resolved|have resolved|resolved completely|completely resolved|has cleared|have cleared|is gone|are gone|gone|"
      "has disappeared|disappeared|not a true lesion|not confirmed|was not confirmed|unlikely|is unlikely|are unlikely|"
      "can not be seen|cannot be seen|could not be seen|is negative|are negative|not definitely seen|not clearly seen|"
      "not clearly identified|not definitely identified|resolved|"
      "已吸收|已完全吸收|完全吸收|吸收消失|已消失|基本消失|完全消失|未见显示|未再显示|已除外|已排除|可除外|可排除|阴性|不明显|未显示|未见显影|"
      "不存在|不成立|已痊愈|可以排除|可以除外|被排除|被除外"),
    IS(EXCLUDE, "除外|排除"),
    IS(PSEUDO, "no change in|no change|no significant change in|no significant change|no interval change|no interval change in|"
      "no significant interval change|no significant interval change in|without change|without interval change|"
      "not significantly changed|not changed|not significantly changed is|no increase in|no increase|no decrease in|"
      "no worsening of|no worsening|no progression of|no improvement in|not only|not just|not necessarily|not resolved|"
      "not completely resolved|not fully resolved|has not resolved|have not resolved|not cleared|not entirely resolved|"
      "not without|not free of|no doubt|no longer only|no significant change from prior|partially resolved|"
      "incompletely resolved|near complete resolution of|partial resolution of|near resolution of|without significant change|"
      "unchanged|it would be wrong to say that there is no|it is not true that there is no|not been removed|"
      "无变化|无明显变化|未见变化|未见明显变化|无显著变化|无著变|变化不大|无明显改变|未见明显改变|未见改变|无改变|无进展|未见进展|"
      "未见吸收|无吸收|未吸收|未完全吸收|尚未完全吸收|尚未吸收|未见明显吸收|不仅|不仅有|不只|不单|不但|不但有|并非没有|不是没有|不能说没有|"
      "错位不明显|未消失|尚未消失|未完全消失|"
      "无明显减少|未见明显减少|未见明显好转|未见好转|非但"),

    /* ---- doubt ---- */
    IS(UNC, "may represent|may reflect|may be related to|may indicate|may be due to|could represent|could reflect|could be due to|"
      "could indicate|might represent|might be|might reflect|could be related to|related to possible|possible|possibly|probable|"
      "probably|likely|most likely|suspicious for|suspicion for|suspicion of|concerning for|concern for|worrisome for|suspected|"
      "suspect|cannot exclude|can not exclude|cannot rule out|can not rule out|cannot entirely exclude|can't exclude|"
      "can't rule out|could not exclude|question of|questionable|query|suggest|suggesting|suggestive of|suggests|suggested|"
      "differential includes|differential diagnosis includes|differential diagnosis|differential considerations include|considerations include|versus possible|rule out|r/o|"
      "evaluate for|evaluation of|evaluation for|correlate for|correlate clinically for|to evaluate for|to exclude|to rule out|assess for|equivocal|does not exclude|do not exclude|"
      "no evidence against|may have|potential|potentially|presumed|presumably|apparent|may be a|could be a|might be a|"
      "there may be|indeterminate for|raises the possibility of|raise the possibility of|possibility of|difficult to exclude|"
      "consider|may contain|favor|favors|favored to represent|felt to represent|borderline|early or developing|"
      "may be from|cannot completely exclude|not exclude|worry for|impression of|questioned|not excluding|may suggest|"
      "考虑|考虑为|可能为|可能是|可能系|可能存在|可能有|可能伴|可能由|疑|疑似|疑为|可疑|似见|似有|似为|似|拟|拟诊|提示|不除外|不排除|不能除外|不能排除|"
      "无法排除|无法除外|尚不能除外|尚不能排除|难以排除|难以除外|待排|待除外|待排除|首先考虑|其次|其次考虑|多考虑|倾向|倾向于|或可|怀疑|警惕|"
      "以除外|以排除|进一步排除|进一步除外|鉴别|或为|可能合并|请除外|建议除外|rule out|性质待定|大概率为|高度怀疑"),
    IS(UNC_POST, "cannot be excluded|can not be excluded|cannot be ruled out|can not be ruled out|can't be excluded|"
      "can't be ruled out|not excluded|is not excluded|not ruled out|has not been ruled out|not been ruled out|"
      "not been excluded|cannot be entirely excluded|can not be entirely excluded|cannot be completely excluded|"
      "could not be excluded|cannot be definitively excluded|not entirely excluded|is possible|are possible|possible|"
      "is suspected|are suspected|is questioned|must be considered|should be considered|is a consideration|less likely|"
      "is less likely|difficult to exclude|is difficult to exclude|is likely|are likely|is probable|is favored|"
      "not completely excluded|may be present|may not be demonstrated|may not be visible|may not be seen|could be present|may be projectional|suspected|in the differential|"
      "can be considered|not entirely be excluded|is in question|cannot entirely be excluded|might be present|be considered|"
      "可能|可能性大|可能大|可能性较大|可能性小|可能性不大|不除外|不排除|不能除外|不能排除|不能完全除外|不能完全排除|未除外|未排除|待排|待排除|"
      "待除外|待查|待定|待鉴别|证据不足|依据不足|难以鉴别|鉴别困难|相鉴别|鉴别|无法排除|无法除外|难以排除|难以除外|尚不能除外|可疑|尚不能排除|"
      "？|?|需除外|需排除|不完全除外|未能除外|未能排除|不能确定|难以确定|有待排除"),
    IS(UNC_BOTH, "may be|could be|may be related|likely representing"),
    IS(VERSUS, "versus|vs|vs.|favored over|is favored over|are favored over|or possibly|抑或|还是"),
    IS(GONE, "removal of|interval removal of|removal of the|after removal of|status post removal of"),
    IS(GONE_POST, "removed|has been removed|have been removed|been removed|was removed|withdrawn|has been withdrawn|已拔除|拔除|"
      "已撤除|已取出|拔出|已拔出"),
    IS(LINK, "consistent with|compatible with|in keeping with|due to|related to|secondary to|representing|符合|呈|示|所致|为|"
      "表现为|indicating|indicative of|diagnostic of"),

    /* ---- scope ---- */
    IS(END, "but|however|although|though|except|except for|aside from|apart from|other than|yet|still|while|whereas|following|"
      "because|since|despite|only|there is|there are|there was|there were|status post|after|now|nevertheless|also|"
      "但|但是|然而|而|余|其余|除|却|只是|仅|仅见|另|另外|此外|可见|见|并见|尚见|术后|还有|而是|;|；"),
    IS(AND, "and|&|as well as|along with|/|、|及|和|与|并|以及|plus|or both"),
    IS(OR, "or|and/or|或|或者"),
    IS(WITH, "with|associated|adjacent|accompanied by|superimposed|surrounding|周围|邻近|伴|伴有|合并|伴发|并发|with associated"),
    IS(COMMA, ",|，|:|：|(|)|（|）"),
    IS(VERB, "is|are|was|were|has|have|shows|show|demonstrates|demonstrate|seen|noted|present|remains|remain|appears|appear|"
      "persists|persist|identified|visualized|contains|reveals|becomes|looks|been|be|increased in|has increased|形成"),
    IS(START, "a|an|the|there|this|these|it|some|few|several|multiple|stable|patchy|left sided new|again|new"),
    IS(PREP, "in|on|at|of|over|overlying|within|along|involving|near|from|projecting over|throughout|to|for|under|位于"),

    /* ---- how much ---- */
    { P_SEVERITY, FAB_SEVERITY_MILD, 0, "mild|mildly|minimal|minimally|small|tiny|trace|slight|slightly|subtle|minor|minute|"
      "少量|少许|轻度|轻微|微量|稍|略|轻|小" },
    { P_SEVERITY, FAB_SEVERITY_MODERATE, 0, "moderate|moderately|moderate sized|中量|中等量|中度" },
    { P_SEVERITY, FAB_SEVERITY_SEVERE, 0, "severe|severely|large|massive|extensive|marked|markedly|大量|重度|严重|明显|弥漫|巨大" },

    /* ---- places ---- */
    AT(SIDE_ONLY, L, "left|left sided|left side|on the left|left hemithorax|左|左侧|左边|左半"),
    AT(SIDE_ONLY, R, "right|right sided|right side|on the right|right hemithorax|右|右侧|右边|右半"),
    AT(SIDE_ONLY, B, "bilateral|bilaterally|both|both sided|both sides|双侧|两侧|双|两|双边"),
    AT(LUNG, 0, "pulmonary|in the lung|in the lungs|lung fields|肺内|肺部|全肺|肺"),
    AT(LUNG, L, "left lung|左肺|左肺内|左肺野|左肺部"), AT(LUNG, R, "right lung|右肺|右肺内|右肺野|右肺部"),
    AT(LUNG, B, "both lung|bilateral lung|双肺|两肺|双肺内|两肺内|左右肺|双侧肺|双侧肺部"),
    AT(UPPER_LOBE, 0, "upper lobe|upper lung|upper lobes|上叶|上肺"), AT(UPPER_LOBE, L, "lul|left upper lobe|左上肺|左肺上叶|左上叶"),
    AT(UPPER_LOBE, R, "rul|right upper lobe|右上肺|右肺上叶|右上叶"), AT(UPPER_LOBE, B, "biapical upper lobes|两上肺|双上肺|两肺上叶|双肺上叶"),
    AT(MIDDLE_LOBE, R, "rml|right middle lobe|右中叶|右肺中叶|middle lobe|中叶|右中肺"),
    AT(LOWER_LOBE, 0, "lower lobe|lower lung|lower lobes|下叶|下肺"), AT(LOWER_LOBE, L, "lll|left lower lobe|左下肺|左肺下叶|左下叶"),
    AT(LOWER_LOBE, R, "rll|right lower lobe|右下肺|右肺下叶|右下叶"), AT(LOWER_LOBE, B, "两下肺|双下肺|两肺下叶|双肺下叶"),
    AT(LINGULA, L, "lingula|lingular|舌叶|舌段|左肺舌段|左肺舌叶"),
    AT(UPPER_ZONE, 0, "upper zone|上肺野"), AT(UPPER_ZONE, L, "左上肺野"), AT(UPPER_ZONE, R, "右上肺野"), AT(UPPER_ZONE, B, "双上肺野|两上肺野"),
    AT(MID_ZONE, 0, "mid zone|mid lung|midlung|mid lung zone|中肺野"), AT(MID_ZONE, L, "左中肺野"), AT(MID_ZONE, R, "右中肺野"), AT(MID_ZONE, B, "双中肺野"),
    AT(LOWER_ZONE, 0, "lower zone|下肺野|中下肺野"), AT(LOWER_ZONE, L, "左下肺野|左中下肺野"), AT(LOWER_ZONE, R, "右下肺野|右中下肺野"), AT(LOWER_ZONE, B, "双下肺野|两下肺野|双中下肺野"),
    AT(BASE, 0, "base|basilar|basal|lung base|basis|肺底"), AT(BASE, L, "left base|left basilar|left lung base|左肺底|left basal"),
    AT(BASE, R, "right base|right basilar|right lung base|右肺底|right basal"), AT(BASE, B, "bibasilar|bibasal|both bases|bases|lung bases|双肺底|两肺底"),
    AT(APEX, 0, "apex|apical|肺尖"), AT(APEX, L, "left apex|left apical|左肺尖"), AT(APEX, R, "right apex|right apical|右肺尖"), AT(APEX, B, "biapical|both apices|双肺尖|apices"),
    AT(HILUM, 0, "hilum|hilar|hila|肺门区"), AT(HILUM, R, "右肺门|right hilum|right hilar"), AT(HILUM, L, "左肺门|left hilum|left hilar"), AT(HILUM, B, "bihilar|双肺门|两肺门|双侧肺门|两侧肺门"),
    AT(PERIHILAR, 0, "perihilar|肺门旁|肺门周围"), AT(RETROCARDIAC, 0, "retrocardiac|心影后|心后区"), AT(AIRWAY, 0, "trachea|bronchus|bronchial|气管|支气管"),
    AT(PLEURA, 0, "pleural|pleural space|hemithorax|胸腔|胸膜腔|胸膜下"), AT(PERICARDIUM, 0, "pericardial|pericardium|心包"),
    AT(RIB, 0, "rib|ribs|肋骨|肋"), AT(CLAVICLE, 0, "clavicle|锁骨"), AT(SPINE, 0, "spine|thoracic spine|vertebral body|vertebra|vertebrae|thoracic vertebrae|lumbar spine|胸椎|脊柱|椎体|腰椎|颈椎"),
    AT(STERNUM, 0, "sternum|sternal|胸骨"), AT(SHOULDER, 0, "shoulder|humerus|肩关节|肱骨|axilla|scapula|肩胛骨|腋窝"), AT(BONE, 0, "bone|bony|osseous|骨质|骨骼"),
    AT(BRAIN, 0, "brain|cerebral|intracranial|mca territory|脑|大脑|脑白质|大脑半球|半球|convexity"), AT(FRONTAL, 0, "frontal lobe|frontal|额叶|额部|额颞部"),
    AT(TEMPORAL, 0, "temporal lobe|temporal|颞叶|颞部"), AT(PARIETAL, 0, "parietal lobe|parietal|顶叶|顶部"), AT(OCCIPITAL, 0, "occipital lobe|occipital|枕叶|枕部"),
    AT(BASAL_GANGLIA, 0, "basal ganglia|thalamus|基底节|基底节区|丘脑"), AT(CEREBELLUM, 0, "cerebellum|cerebellar|小脑"), AT(BRAIN_STEM, 0, "brain stem|brainstem|pons|脑干|脑桥"),
    AT(LIVER, 0, "hepatic|hepatic lobe|liver parenchyma|肝内|肝叶"), AT(LIVER, L, "左肝|肝左叶|left hepatic lobe"), AT(LIVER, R, "右肝|肝右叶|right hepatic lobe"),
    AT(BILIARY, 0, "gallbladder|biliary|bile duct|common bile duct|胆囊|胆管|胆总管"), AT(KIDNEY, 0, "kidney|renal|肾|肾脏"), AT(KIDNEY, L, "左肾"), AT(KIDNEY, R, "右肾"), AT(KIDNEY, B, "双肾|两肾"),
    AT(PANCREAS, 0, "pancreas|pancreatic|胰腺|胰头"), AT(BOWEL, 0, "bowel|colon|small bowel|肠管|小肠|结肠"), AT(ABDOMEN, 0, "abdomen|abdominal|peritoneal|perihepatic|腹腔|腹部"),
    AT(PELVIS, 0, "pelvis|pelvic|盆腔"), AT(BREAST, 0, "breast|乳腺|乳房"), AT(THYROID, 0, "thyroid|甲状腺"), AT(ADRENAL, 0, "adrenal"),
    AT(SOFT_TISSUE, 0, "soft tissue|软组织|subcutaneous|皮下"), AT(STOMACH, 0, "stomach|gastric|胃"),

    /* ---- sections, before a colon ---- */
    { P_HEADING, FAB_SECTION_BACKGROUND, 0, "indication|indications|history|clinical history|clinical indication|comparison|"
      "comparisons|technique|reason for exam|reason for examination|procedure|exam|examination|clinical information|"
      "临床病史|病史|临床诊断|检查目的|检查技术|检查方法|临床表现|主诉|对比|申请目的|检查项目|检查部位|临床资料" },
    { P_HEADING, FAB_SECTION_FINDINGS, 0, "findings|finding|影像所见|检查所见|影像表现|所见|放射学表现|影像学表现|超声所见|描述" },
    { P_HEADING, FAB_SECTION_IMPRESSION, 0, "impression|conclusion|assessment|opinion|印象|诊断意见|影像诊断|诊断|结论|诊断印象|"
      "放射学诊断|检查结论|意见|影像意见" },
};
const int fab_phrase_rows_n = sizeof fab_phrase_rows / sizeof *fab_phrase_rows;
/* clang-format on */

const char *const fab_status_names[FAB_STATUSES] = { "absent", "uncertain", "present" };
const char *const fab_side_names[FAB_SIDES] = { "", "left", "right", "both" };
const char *const fab_section_names[FAB_SECTIONS] = { "", "background", "findings", "impression" };
const char *const fab_severity_names[FAB_SEVERITIES] = { "", "mild", "moderate", "severe" };

int fab_subject_place(int subject)
{
    static const uint8_t places[] = {
        [S_HEART] = HEART,          [S_MEDIASTINUM] = MEDIASTINUM,
        [S_LUNGS] = LUNG,           [S_MARKINGS] = LUNG,
        [S_AORTA] = AORTA,          [S_ANGLE] = PLEURA,
        [S_PLEURA] = PLEURA,        [S_CARDIOMEDIASTINUM] = MEDIASTINUM,
        [S_VENTRICLES] = VENTRICLE, [S_MIDLINE] = BRAIN,
        [S_SULCI] = BRAIN,          [S_LIVER] = LIVER,
        [S_SPLEEN] = SPLEEN,        [S_CHEST] = CHEST,
        [S_HEAD] = BRAIN,
    };
    return places[subject];
}
