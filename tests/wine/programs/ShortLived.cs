// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// Compiled together with JobObject.cs: processes outside their job of which some end after the first look at the
// processes and before their job is read. They are ended here, so that the moment is not left to chance.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;

namespace ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject
{
    public static class ShortLived
    {
        public static Dictionary<string, object> Collect(IDictionary options)
        {
            Ledger ledger = new Ledger();
            ProcessTable before = ProcessTable.Take(ledger);
            foreach (object id in (IEnumerable)options["end"])
            {
                using (Process process = Process.GetProcessById(Convert.ToInt32(id, CultureInfo.InvariantCulture)))
                {
                    process.Kill();
                    process.WaitForExit();
                }
            }
            JobReader reader = new JobReader(before, ledger);
            foreach (FoundJob found in JobDirectories.List(ledger).Jobs.Values)
            {
                if (found.Name == (string)options["name"]) { reader.Read(found); }
            }
            ProcessTable after = ProcessTable.Take(ledger);
            reader.AddEscapedProcesses(delegate { return after; });
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["job_objects"] = reader.Results(new ShimTable(after));
            return result;
        }
    }
}
