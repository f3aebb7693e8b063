/* mark: the words that every output carries. No template can leave them out. */
#ifndef FAB_CLINIC_MARK_H
#define FAB_CLINIC_MARK_H

#define FAB_MARK_EN "For research use only. Not for diagnostic use."
#define FAB_MARK_ZH "仅供科研使用，不得用于诊断。"

#endif
