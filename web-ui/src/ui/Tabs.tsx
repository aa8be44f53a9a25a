import { Tabs as AriaTabs, Tab, TabList, TabPanel } from 'react-aria-components';

type Part = { id: string; label: string; count?: number; content: React.ReactNode };
type TabsProps = { label: string; parts: Part[]; selected: string; onSelect: (id: string) => void };

/** Parts of a page behind one another; which one shows belongs into the address. */
export function Tabs({ label, parts, selected, onSelect }: TabsProps) {
  return (
    <AriaTabs selectedKey={selected} onSelectionChange={(key) => onSelect(String(key))}>
      <TabList aria-label={label} className="flex gap-1 overflow-x-auto border-b border-line">
        {parts.map((part) => (
          <Tab
            key={part.id}
            id={part.id}
            className="-mb-px flex cursor-pointer items-center gap-1.5 border-b-2 border-transparent px-3 py-2 font-medium whitespace-nowrap text-soft hover:text-text data-selected:border-accent data-selected:text-text"
          >
            {part.label}
            {part.count !== undefined && (
              <span className="rounded-full bg-hover px-1.5 text-sm text-soft tabular-nums">{part.count}</span>
            )}
          </Tab>
        ))}
      </TabList>
      {parts.map((part) => (
        <TabPanel key={part.id} id={part.id} className="pt-4 outline-none">
          {part.content}
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
