// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// Compiled together with JobObject.cs: a job object that ends between being listed and being opened. It is made and
// closed here, so that the moment is not left to chance.

using System;
using System.Collections;
using System.Collections.Generic;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject
{
    public static class Vanishing
    {
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        static extern IntPtr CreateJobObjectW(IntPtr attributes, string name);
        [DllImport("kernel32.dll")]
        static extern bool CloseHandle(IntPtr handle);

        public static Dictionary<string, object> Collect(IDictionary options)
        {
            string name = (string)options["name"];
            Ledger ledger = new Ledger();
            IntPtr job = CreateJobObjectW(IntPtr.Zero, name);
            if (job == IntPtr.Zero) { throw new Win32Exception(Marshal.GetLastWin32Error()); }
            JobDirectories directories = JobDirectories.List(ledger);
            CloseHandle(job);
            ProcessTable processes = ProcessTable.Take(ledger);
            JobReader reader = JobReader.ReadAll(directories.Jobs.Values, new Filter(options), processes, ledger);
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["listed"] = directories.Jobs.ContainsKey(name);
            result["vanished"] = reader.Vanished;
            result["job_objects"] = reader.Results(new ShimTable(processes));
            result["statistics"] = ledger.Results();
            return result;
        }
    }
}
