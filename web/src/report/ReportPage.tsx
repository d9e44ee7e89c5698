/** The report on a page of its own. */
import { ReportForm } from './ReportForm';

export default function ReportPage({ study }: { study: string }) {
  return (
    <div className="page report-alone">
      <ReportForm study={study} />
    </div>
  );
}
