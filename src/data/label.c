/* label: the table and its look-ups. See label.h. Organs and lesions are SLAKE's
 * mask_labels.json and boxes, cells are BCCD's, diagnoses and attributes ISIC 2017's and
 * Kermany's. The file data/label.c is the documentation of the order. */
#include "data/label.h"

#include <strings.h>

enum {
    H = FAB_REGION_HEAD,
    N = FAB_REGION_NECK,
    C = FAB_REGION_CHEST,
    A = FAB_REGION_ABDOMEN,
    P = FAB_REGION_PELVIS,
    S = FAB_REGION_SKIN,
    B = FAB_REGION_BLOOD,
    ALL = H | N | C | A | P,
};

#define ORGAN       FAB_KIND_ORGAN
#define ABNORMALITY FAB_KIND_ABNORMALITY
#define CELL        FAB_KIND_CELL
#define MODALITY    FAB_KIND_MODALITY
#define PLANE       FAB_KIND_PLANE
#define REGION      FAB_KIND_REGION
#define DIAGNOSIS   FAB_KIND_DIAGNOSIS
#define ATTRIBUTE   FAB_KIND_ATTRIBUTE

/* clang-format off */
const fab_label fab_labels[FAB_LABELS] = {
    /* with a place: code, English, Chinese answer, Chinese noun, kind, regions, mask value,
     * mirror row */
    { "left_humerus_head", "Left Humerus Head", "左肱骨头", "左肱骨头", ORGAN, N | C, 30, 1 },
    { "right_humerus_head", "Right Humerus Head", "右肱骨头", "右肱骨头", ORGAN, N | C, 35, 0 },
    { "larynx", "Larynx", "喉", "喉", ORGAN, H | N, 40, 2 },
    { "right_femoral_head", "Right Femoral Head", "右股骨头", "右股骨头", ORGAN, P, 45, 4 },
    { "left_femoral_head", "Left Femoral Head", "左股骨头", "左股骨头", ORGAN, P, 50, 3 },
    { "brain_stem", "Brain Stem", "脑干", "脑干", ORGAN, H, 55, 5 },
    { "duodenum", "Duodenum", "十二指肠", "十二指肠", ORGAN, A, 60, 6 },
    { "tooth", "Tooth", "牙齿", "牙齿", ORGAN, H | N, 65, 7 },
    { "liver", "Liver", "肝脏", "肝脏", ORGAN, C | A, 70, 8 },
    { "trachea", "Trachea", "气管", "气管", ORGAN, H | N | C, 75, 9 },
    { "left_eye", "Left Eye", "左眼", "左眼", ORGAN, H, 80, 11 },
    { "right_eye", "Right Eye", "右眼", "右眼", ORGAN, H, 90, 10 },
    { "brain_edema", "Brain Edema", "脑水肿", "脑水肿", ABNORMALITY, H, 95, 12 },
    { "rectum", "Rectum", "直肠", "直肠", ORGAN, P, 105, 13 },
    { "esophagus", "Esophagus", "食管", "食道", ORGAN, N | C | A, 110, 14 },
    { "left_ear", "Left Ear", "左耳", "左耳", ORGAN, H, 120, 17 },
    { "bladder", "Bladder", "膀胱", "膀胱", ORGAN, P, 125, 16 },
    { "right_ear", "Right Ear", "右耳", "右耳", ORGAN, H, 130, 15 },
    { "left_kidney", "Left Kidney", "左肾", "左肾", ORGAN, C | A, 135, 22 },
    { "brain_nonenhancing_tumor", "Brain Non-enhancing Tumor", "非增强型脑肿瘤", "非增强型脑肿瘤", ABNORMALITY, H, 140, 19 },
    { "spinal_cord", "Spinal Cord", "脊髓", "脊髓", ORGAN, H | N | C | A | P, 145, 20 },
    { "kidney_cancer", "Kidney Cancer", "肾癌", "肾癌", ABNORMALITY, C | A, 150, 21 },
    { "right_kidney", "Right Kidney", "右肾", "右肾", ORGAN, C | A, 155, 18 },
    { "left_temporal_lobe", "Left Temporal Lobe", "左颞叶", "左颞叶", ORGAN, H, 160, 25 },
    { "stomach", "Stomach", "胃", "胃", ORGAN, C | A, 165, 24 },
    { "right_temporal_lobe", "Right Temporal Lobe", "右颞叶", "右颞叶", ORGAN, H, 170, 23 },
    { "liver_cancer", "Liver Cancer", "肝癌", "肝癌", ABNORMALITY, C | A, 175, 26 },
    { "heart", "Heart", "心脏", "心脏", ORGAN, C | A, 180, 27 },
    { "brain_enhancing_tumor", "Brain Enhancing Tumor", "增强型脑肿瘤", "增强型脑肿瘤", ABNORMALITY, H, 185, 28 },
    { "left_mandible", "Left Mandible", "左下颌骨", "左下颌骨", ORGAN, H | N, 200, 31 },
    { "small_bowel", "Small Bowel", "小肠", "小肠", ORGAN, A | P, 205, 30 },
    { "right_mandible", "Right Mandible", "右下颌骨", "右下颌骨", ORGAN, H | N, 210, 29 },
    { "left_lung", "Left Lung", "左肺", "左肺", ORGAN, N | C | A, 215, 33 },
    { "right_lung", "Right Lung", "右肺", "右肺", ORGAN, N | C | A, 225, 32 },
    { "spleen", "Spleen", "脾脏", "脾脏", ORGAN, C | A, 230, 34 },
    { "colon", "Colon", "结肠", "结肠", ORGAN, A | P, 235, 35 },
    { "left_parotid", "Left Parotid", "左腮腺", "左腮腺", ORGAN, H | N, 240, 38 },
    { "lung_cancer", "Lung Cancer", "肺癌", "肺癌", ABNORMALITY, C | A, 245, 37 },
    { "right_parotid", "Right Parotid", "右腮腺", "右腮腺", ORGAN, H | N, 250, 36 },
    { "cardiomegaly", "Cardiomegaly", "心脏肥大", "心脏肥大", ABNORMALITY, C, 0, 39 },
    { "atelectasis", "Atelectasis", "肺不张", "肺不张", ABNORMALITY, C, 0, 40 },
    { "nodule", "Nodule", "肺结节", "肺结节", ABNORMALITY, C, 0, 41 },
    { "pneumonia", "Pneumonia", "肺炎", "肺炎", ABNORMALITY, C, 0, 42 },
    { "mass", "Mass", "肺肿块", "肿块", ABNORMALITY, C, 0, 43 },
    { "effusion", "Pleural Effusion", "胸腔积液", "胸腔积液", ABNORMALITY, C, 0, 44 },
    { "pneumothorax", "Pneumothorax", "气胸", "气胸", ABNORMALITY, C, 0, 45 },
    { "infiltration", "Infiltration", "肺浸润", "肺浸润", ABNORMALITY, C, 0, 46 },
    { "skin_lesion", "Skin Lesion", "皮损", "皮损", ABNORMALITY, S, 0, 47 },
    { "wbc", "White Blood Cell", "白细胞", "白细胞", CELL, B, 0, 48 },
    { "rbc", "Red Blood Cell", "红细胞", "红细胞", CELL, B, 0, 49 },
    { "platelet", "Platelet", "血小板", "血小板", CELL, B, 0, 50 },
    /* of the whole picture */
    { "ct", "CT", "CT", "CT", MODALITY, ALL, 0, 51 },
    { "mri", "MRI", "核磁共振", "核磁共振", MODALITY, ALL, 0, 52 },
    { "xray", "X-Ray", "X光", "X光", MODALITY, C, 0, 53 },
    { "dermoscopy", "Dermoscopy", "皮肤镜", "皮肤镜", MODALITY, S, 0, 54 },
    { "microscopy", "Microscopy", "显微镜", "显微镜", MODALITY, B, 0, 55 },
    { "t1", "T1", "T1", "T1", MODALITY, ALL, 0, 56 },
    { "t2", "T2", "T2", "T2", MODALITY, ALL, 0, 57 },
    { "transverse", "Transverse Plane", "横断面", "横断面", PLANE, ALL, 0, 58 },
    { "coronal", "Coronal Plane", "冠状面", "冠状面", PLANE, ALL, 0, 59 },
    { "sagittal", "Sagittal Plane", "矢状面", "矢状面", PLANE, ALL, 0, 60 },
    { "head", "Head", "头部", "头部", REGION, H, 0, 61 },
    { "neck", "Neck", "颈部", "颈部", REGION, N, 0, 62 },
    { "chest", "Chest", "胸腔", "胸腔", REGION, C, 0, 63 },
    { "abdomen", "Abdomen", "腹部", "腹部", REGION, A, 0, 64 },
    { "pelvis", "Pelvic Cavity", "盆腔", "盆腔", REGION, P, 0, 65 },
    { "brain", "Brain", "大脑", "脑", ORGAN, H, 0, 66 },
    { "lung", "Lung", "肺", "肺", ORGAN, N | C | A, 0, 67 },
    { "kidney", "Kidney", "肾脏", "肾脏", ORGAN, C | A, 0, 68 },
    { "abnormal", "Abnormality", "异常", "异常", ABNORMALITY, ALL | S | B, 0, 69 },
    { "melanoma", "Melanoma", "黑色素瘤", "黑色素瘤", DIAGNOSIS, S, 0, 70 },
    { "nevus", "Nevus", "痣", "痣", DIAGNOSIS, S, 0, 71 },
    { "seborrheic_keratosis", "Seborrheic Keratosis", "脂溢性角化病", "脂溢性角化病", DIAGNOSIS, S, 0, 72 },
    { "bacterial_pneumonia", "Bacterial Pneumonia", "细菌性肺炎", "细菌性肺炎", DIAGNOSIS, C, 0, 73 },
    { "viral_pneumonia", "Viral Pneumonia", "病毒性肺炎", "病毒性肺炎", DIAGNOSIS, C, 0, 74 },
    { "pigment_network", "Pigment Network", "色素网络", "色素网络", ATTRIBUTE, S, 0, 75 },
    { "milia_like_cyst", "Milia-like Cyst", "粟粒样囊肿", "粟粒样囊肿", ATTRIBUTE, S, 0, 76 },
    { "globules", "Globules", "色素小球", "色素小球", ATTRIBUTE, S, 0, 77 },
    { "negative_network", "Negative Network", "负性色素网络", "负性色素网络", ATTRIBUTE, S, 0, 78 },
    { "streaks", "Streaks", "条纹", "条纹", ATTRIBUTE, S, 0, 79 },
};
/* clang-format on */

int fab_label_find(const char *name)
{
    for (int i = 0; i < FAB_LABELS; i++)
        if (!strcasecmp(fab_labels[i].code, name) || !strcasecmp(fab_labels[i].en, name)) return i;
    return -1;
}

int fab_label_of_mask(int mask_value)
{
    for (int i = 0; mask_value > 0 && i < FAB_LABELS_SPATIAL; i++)
        if (fab_labels[i].mask_value == mask_value) return i;
    return -1;
}
