import type { Value } from './edits';

type Side = { value: Value; type: string } | null;

/** One version of an environment, as its history tells it; the API describes its rows as plain objects. */
export type ConfigVersion = {
  config_version: number;
  base_version: number;
  kind: string;
  at: string;
  changed_by: string;
  approved_by: string | null;
  reason?: string | null;
  release_tag: string;
  parameters: Record<string, { before: Side; after: Side }>;
  files: { added: number; changed: number; removed: number } | null;
};

export const rowsOf = (parameters: ConfigVersion['parameters']) =>
  Object.entries(parameters).map(([name, { before, after }]) => ({ name, before: before?.value, after: after?.value }));

/** The parameters of an environment at one version, and that version. */
export type ConfigThen = { version: ConfigVersion; parameters: Record<string, { value: Value; type: string }> };

/** Where the two versions of an environment are compared. */
export const comparing = (stage: string, from: number) => ({ tab: 'compare', view: stage, from });
